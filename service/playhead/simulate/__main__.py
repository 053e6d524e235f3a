"""`python -m playhead.simulate`."""

import argparse
import sys

from playhead.simulate.command import add_arguments, run

parser = argparse.ArgumentParser(prog="playhead simulate", description="Simulate viewers.")
add_arguments(parser)
sys.exit(run(parser.parse_args()))
