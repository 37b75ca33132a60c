"""Write one HTML page about a run, which any browser opens."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('work_dir', help='work directory of a run')
    parser.add_argument('--out', help='file to write (default: WORK_DIR/report.html)')


def run(args: argparse.Namespace) -> None:
    from ssdkd.visualization import write_report

    path, headline = write_report(args.work_dir, args.out)
    print(f'{headline}\nreport: {path}')
