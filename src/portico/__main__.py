"""``python -m portico``."""

from portico.cli import main

if __name__ == "__main__":
    main()
