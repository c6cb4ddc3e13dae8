BEGIN TRANSACTION;
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
INSERT INTO "attempt" VALUES('01kaptb8n1recorded00000000','train',1,'running',1.79534870027199530599e+09,NULL,NULL,NULL);
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
INSERT INTO "effect" VALUES('01kaptb8n1recorded00000000','train',1,'count','{"value":7}',NULL,1.79534870027199530599e+09,NULL);
CREATE TABLE journal_version (version INTEGER NOT NULL);
INSERT INTO "journal_version" VALUES(1);
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
INSERT INTO "run" VALUES('01kaptb8n1recorded00000000','mnist','one-machine',NULL,'running','{"stages": ["train", "evaluate"], "release": "0.1.0"}',1.795348700270989418e+09,NULL,NULL,'{"host": "a-host-that-is-gone", "pid": 4711, "start": 12345, "boot": "00000000-0000-0000-0000-000000000000"}',1,0.0,0);
CREATE INDEX run_by_time ON run (created_at);
COMMIT;
