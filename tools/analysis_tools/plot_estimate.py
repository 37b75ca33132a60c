"""The same as ``ssdkd plot-estimate``."""

from ssdkd.commands.main import tool

main = tool('plot-estimate')

if __name__ == '__main__':
    main()
