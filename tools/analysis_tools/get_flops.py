"""The same as ``ssdkd flops``."""

from ssdkd.commands.main import tool

main = tool('flops')

if __name__ == '__main__':
    main()
