"""The same as ``ssdkd plot-logs``."""

from ssdkd.commands.main import tool

main = tool('plot-logs')

if __name__ == '__main__':
    main()
