"""`python -m propensity` is the command line."""

from propensity.cli import main

if __name__ == "__main__":
    main()
