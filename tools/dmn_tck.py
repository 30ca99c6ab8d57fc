"""`make tck`: runs the test cases of the DMN Technology Compatibility Kit.

The cases and the program that runs them are not part of this repository: `PENSTOCK_SHARED` names the folder that holds
them, below `conformance/dmn-tck`. `ONLY` is a regular expression for the names of cases.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """The report stays in `.penstock/conformance`; the exit status is 0 when every case passes."""
    kit = Path(os.environ.get("PENSTOCK_SHARED", ROOT.parent / "shared")).resolve() / "conformance" / "dmn-tck"
    runner = kit / "run_tck.py"
    if not runner.is_file():
        sys.exit(f"There is no test kit in {kit}: PENSTOCK_SHARED=FOLDER make tck")
    reports = ROOT / ".penstock" / "conformance"
    reports.mkdir(parents=True, exist_ok=True)
    only = ["--only", os.environ["ONLY"]] if os.environ.get("ONLY") else []
    command = [sys.executable, str(runner), "--json", str(reports / "dmn-tck.json"), *only]
    sys.exit(subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode)


if __name__ == "__main__":
    main()
