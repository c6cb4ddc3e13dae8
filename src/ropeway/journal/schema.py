"""The journal's tables, in SQL that SQLite and PostgreSQL both take. A new release appends a step, and changes none."""

STEPS = (
    """
    CREATE TABLE run (
        id TEXT PRIMARY KEY,
        pipeline TEXT NOT NULL,
        site TEXT NOT NULL,
        once_key TEXT UNIQUE,
        state TEXT NOT NULL,
        pinned TEXT NOT NULL,
        created_at DOUBLE PRECISION NOT NULL,
        ended_at DOUBLE PRECISION,
        error TEXT,
        owner TEXT,
        token INTEGER NOT NULL DEFAULT 0,
        lease_until DOUBLE PRECISION NOT NULL DEFAULT 0,
        cancel_requested INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE attempt (
        run TEXT NOT NULL REFERENCES run (id),
        stage TEXT NOT NULL,
        number INTEGER NOT NULL,
        state TEXT NOT NULL,
        started_at DOUBLE PRECISION NOT NULL,
        ended_at DOUBLE PRECISION,
        record TEXT,
        error TEXT,
        PRIMARY KEY (run, stage, number)
    );
    CREATE TABLE effect (
        run TEXT NOT NULL,
        stage TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        name TEXT NOT NULL,
        plan TEXT NOT NULL,
        record TEXT,
        intended_at DOUBLE PRECISION NOT NULL,
        recorded_at DOUBLE PRECISION,
        PRIMARY KEY (run, stage, attempt, name),
        FOREIGN KEY (run, stage, attempt) REFERENCES attempt (run, stage, number)
    );
    CREATE INDEX run_by_time ON run (created_at);
    """,
)
"""Step n takes a journal from version n to version n + 1."""

VERSION = len(STEPS)
