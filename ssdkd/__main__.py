"""``python -m ssdkd``, for launchers that start a module."""

from ssdkd.commands.main import main

if __name__ == '__main__':
    main()
