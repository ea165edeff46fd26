"""Packages of templates that last for a test."""

import sys
from uuid import uuid4

import pytest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes a package whose templates are given by name."""

    def make(**templates):
        name = f"templates_{uuid4().hex}"
        folder = tmp_path / name / "templates"
        folder.mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        for file, text in templates.items():
            (folder / f"{file}.typ").write_text(text)
        return name

    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return make
