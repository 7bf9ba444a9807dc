"""`make soak`: exit status 1, and a line for each thing that was not as it should be."""

from __future__ import annotations

import json
import random
from pathlib import Path

import click

from metalayer.errors import MetalayerError


@click.command()
@click.option("--minutes", type=click.FloatRange(0.5, 1_440), default=60, show_default=True)
@click.option("--seed", type=int, help="Of everything that is random, but for the machine's own pace.")
@click.option(
    "--figures",
    type=click.Path(dir_okay=False, path_type=Path),
    default="benchmarks/soak.json",
    show_default=True,
)
def cli(minutes: float, seed: int | None, figures: Path) -> None:
    """Relayers and validators among hostile nodes, senders and recipients, and one lying chain."""
    from benchmarks.soak.run import soak
    from metalayer.cli.display import console

    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    try:
        found, problems = soak(minutes, seed, console())
    except MetalayerError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise click.Abort from None
    figures.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for line in problems:
        click.echo(line, err=True)
    raise click.exceptions.Exit(1 if problems else 0)


if __name__ == "__main__":
    cli()
