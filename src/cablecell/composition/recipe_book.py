"""Find the recipe that a job asks for."""

from __future__ import annotations

from pathlib import Path

from cablecell.configuration import read_checked
from cablecell.core.supervision.jobs import Recipe, UnknownRecipeError, parse_recipe, recipe_of_layout


class RecipeBook:
    """Recipes by name: those of a folder, one for each layout, and any file by its path."""

    def __init__(self, folder: Path, layouts: tuple[str, ...]) -> None:
        """Read every recipe of the folder, so that a mistake shows before a job needs it.

        Raises:
            DocumentError: A file cannot be read or has a mistake (code 910).
        """
        self._layouts = layouts
        self._recipes: dict[str, Recipe] = {}
        for path in sorted(folder.glob("*.yaml")):
            recipe = read_checked(path, parse_recipe)
            self._recipes[recipe.name] = recipe

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all recipes but those in files given by their path."""
        return (*self._recipes, *self._layouts)

    def find(self, name: str) -> Recipe:
        """Return a recipe: by its name, by the name of a layout, or from a file whose path is given.

        Raises:
            UnknownRecipeError: There is no such recipe (code 933); the message lists the valid names.
            DocumentError: The file cannot be read or has a mistake (code 910).
        """
        if name in self._recipes:
            return self._recipes[name]
        if name in self._layouts:
            return recipe_of_layout(name)
        if name.endswith((".yaml", ".yml")):
            path = Path(name)
            return read_checked(path, parse_recipe)
        valid = ", ".join(self.names)
        raise UnknownRecipeError(
            f"recipe '{name}' does not exist; valid are {valid}, or the path of a .yaml file",
            quantity="recipe",
            value=name,
            limit=valid,
        )
