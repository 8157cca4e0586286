"""The former name of ``fliqe_ros.tools.download``."""

import sys

from fliqe_ros.tools.download import main

if __name__ == '__main__':
    sys.exit(main())
