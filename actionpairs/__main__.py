"""`python -m actionpairs`, and what torchrun starts."""

from actionpairs.cli import main

if __name__ == "__main__":
    main(prog_name="actionpairs")
