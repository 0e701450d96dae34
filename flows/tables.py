"""How a table looks in a shell: drawn in a terminal, else a line for each row, each value with its name."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mig.census import Row


def show(rows: Sequence[Row], *, title: str) -> None:
    """Write a table to standard output."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal or not rows:
        for line in [f"{title}: none"] if not rows else map(_line, rows):
            console.print(line, soft_wrap=True)
        return
    drawn = Table(title=title, title_justify="left")
    for name, value in rows[0].items():
        drawn.add_column(name, justify="right" if isinstance(value, int) else "left")
    for row in rows:
        drawn.add_row(*map(str, row.values()))
    console.print(drawn)


def _line(row: Row) -> str:
    """`1g.5gb  total 28  allocated 3  available 25  pending 0`."""
    return "  ".join(str(value) if isinstance(value, str) else f"{name} {value}" for name, value in row.items())
