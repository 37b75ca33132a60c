"""The same as ``ssdkd ablation``."""

from ssdkd.commands.main import tool

main = tool('ablation')

if __name__ == '__main__':
    main()
