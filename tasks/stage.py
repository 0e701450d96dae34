"""What pods will read, put where they can: the data set once by content, the training sources as they are here."""

from importlib.resources import files

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks import dataset
from tasks.aws import Missing, call
from tasks.connect import Site, aws
from tasks.progress import say


@task(name="stage the data set", task_run_name="stage the data set", cache_policy=NO_CACHE)
def stage(site: Site) -> str:
    """Put Fashion-MNIST under an address made of its content, unless it is there; returns `s3://bucket/prefix`."""
    s3 = aws(site, "s3")
    prefix = f"datasets/fashion-mnist/{dataset.digest()}"
    seal = f"{prefix}/SHA256SUMS"
    if not _there(site, seal):
        folder = dataset.find(say)
        for name in dataset.SUMS:
            s3.upload_file(str(folder / name), site.bucket, f"{prefix}/{name}")
        sums = "".join(f"{digest}  {name}\n" for name, digest in dataset.SUMS.items())
        call(site, "s3", "put_object", Bucket=site.bucket, Key=seal, Body=sums.encode())  # last: where it is, all is
    return f"s3://{site.bucket}/{prefix}"


def sources() -> dict[str, str]:
    """The files of the package `training`, by their path as pods import them, and what it needs beside torch."""
    package = files("training")
    found = (part for part in package.iterdir() if part.name.endswith((".py", ".txt")))
    return {f"training/{part.name}": part.read_text(encoding="utf-8") for part in sorted(found, key=lambda p: p.name)}


def _there(site: Site, key: str) -> bool:
    try:
        call(site, "s3", "head_object", Bucket=site.bucket, Key=key)
    except Missing:
        return False
    return True
