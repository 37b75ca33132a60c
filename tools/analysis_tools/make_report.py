"""Make one HTML page about a run, to be opened in any browser without a server."""

import argparse

import ssdkd  # noqa: F401  (first: it prepares the imports that follow)
from ssdkd.apis import command
from ssdkd.visualization import write_report


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', help='work directory of a run of tools/train.py')
    parser.add_argument('--out', help='file to write (default: WORK_DIR/report.html)')
    return parser.parse_args()


@command
def main() -> None:
    args = parse_args()
    path, headline = write_report(args.work_dir, args.out)
    print(f'{headline}\nreport: {path}')


if __name__ == '__main__':
    main()
