"""`python -m propensity` and the command `propensity` are the command line, which may be stopped while it is still loaded."""

from propensity.stopping import stoppable


def main() -> None:
    """Run the command line."""
    with stoppable():
        from propensity.cli import run  # noqa: PLC0415

        run()


if __name__ == "__main__":
    main()
