"""The batch script of a job, as text: the same for every scheduler but for the lines that a scheduler puts on top."""

import re
import shlex
from typing import List, Mapping, NamedTuple, Optional, Tuple

from ropeway_agent.errors import Failure

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OWN = ("OUTPUT", "RESULTS", "CHECKPOINTS", "DATA", "MODEL", "PATH", "ROPEWAY_KEY", "ROPEWAY_JOB_ID")


class JobScript(NamedTuple):
    """What one batch script does; paths are absolute on the host where it runs.

    `path` goes before PATH; `python` and `agent` seal the output, when `seal`; `header` is for lines such as #SBATCH.
    """

    key: str
    root: str
    command: str
    environment: Mapping[str, str]
    path: Tuple[str, ...]
    model: Optional[str]
    seal: bool
    python: str
    agent: str
    header: Tuple[str, ...] = ()


_CLAIM = """\
# Each start of the job has a folder. Who cannot make it is a second copy of the same start, and does nothing.
incarnation=$job/incarnations/${SLURM_JOB_ID:-$ROPEWAY_JOB_ID}.${SLURM_RESTART_COUNT:-0}
mkdir "$incarnation" || exit 75
if [ -e "$job/cancelled" ]; then
  echo "ropeway: the job was cancelled before it started" >&2
  exit 75
fi
printf '{"host":"%s","pid":%d,"time":%(%s)T}\\n' "$HOSTNAME" "$$" -1 > "$incarnation/started.json"

# Notes how it went and exits. The marker is the last thing that this script does.
finish() { # exit code, reason
  printf '{"exit_code":%d,"reason":"%s","time":%(%s)T}\\n' "$1" "$2" -1 > "$incarnation/marker.part" &&
    mv "$incarnation/marker.part" "$incarnation/marker.json" && : > "$root/ended/$ROPEWAY_KEY"
  exit "$1"
}
"""

_FOLDERS = """\
# Output and results are this start's own: what an earlier one still writes does not get in between.
export OUTPUT=$incarnation/output RESULTS=$incarnation/results CHECKPOINTS=$job/checkpoints DATA=$root/data
mkdir "$OUTPUT" "$RESULTS" || finish 73 "its folders could not be made"
ln -sfn "incarnations/${incarnation##*/}/output" "$job/output"
ln -sfn "incarnations/${incarnation##*/}/results" "$job/results"
"""

_SEAL = """\
if [ "$code" -eq 0 ]; then
  {python} -I {agent} seal "$OUTPUT"
  case $? in
    0) ;;
    65) finish 65 "left no model" ;;
    *) finish 66 "the model could not be sealed" ;;
  esac
fi
"""


def batch_script(job: JobScript) -> str:
    """The script's text. Raises Failure for names and values that cannot stand in an environment."""
    _refuse(job)
    lines = [
        "#!/bin/bash",
        *job.header,
        f"# Ropeway job {job.key}: runs a recipe once, and notes how that ended.",
        "# shellcheck disable=SC2016  # values stand here just as they are, dollar signs too",
        "set -u",
        "umask 077",
        f"root={shlex.quote(job.root)}",
        f"job=$root/jobs/{job.key}",
        f"export ROPEWAY_KEY={job.key}",
        "",
        _CLAIM,
        _FOLDERS,
        *_command(job),
        "code=$?",
        "",
    ]
    if job.seal:
        lines.append(_SEAL.format(python=shlex.quote(job.python), agent=shlex.quote(job.agent)))
    return "\n".join(lines) + 'finish "$code" ""\n'


def _command(job: JobScript) -> List[str]:
    # In a subshell, so that its variables do not reach the sealing; and in a bash of its own, so that an `exit` or
    # `set -e` in it is not ours. With pipefail, because `train | tee log` must not hide how train ended.
    return [
        'cd "$job/recipe" || finish 66 "its recipe is not there"',
        "(",
        *["  " + line for line in _exports(job)],
        f"  exec bash -o pipefail -c {shlex.quote(job.command)} </dev/null",
        ")",
    ]


def _exports(job: JobScript) -> List[str]:
    lines = [f"export {name}={shlex.quote(job.environment[name])}" for name in sorted(job.environment)]
    if job.model is not None:
        lines.append(f"export MODEL={shlex.quote(job.model)}")
    if job.path:
        lines.append(f"export PATH={shlex.quote(':'.join(job.path))}:$PATH")
    return lines


def _refuse(job: JobScript) -> None:
    for name in job.environment:
        if not _NAME.match(name) or name in _OWN:
            hint = "use another name: letters, digits and _, none of " + ", ".join(_OWN)
            raise Failure("ConfigError", f"writing the script of {job.key}: a variable cannot be called {name!r}", hint)
    texts = (job.root, job.command, job.model or "", *job.environment.values(), *job.path)
    if any("\0" in text for text in texts):
        raise Failure("ConfigError", f"writing the script of {job.key}: a value has a NUL character")
