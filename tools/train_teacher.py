"""The same as ``ssdkd train-teacher``."""

from ssdkd.commands.main import tool

main = tool('train-teacher')

if __name__ == '__main__':
    main()
