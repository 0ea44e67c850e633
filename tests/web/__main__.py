import sys

from tests.web import SOURCES, build

if sys.argv[1:] != ["build"]:
    sys.exit("python -m tests.web build")
build(SOURCES.parent)
