"""The tables that the tabular benchmark learns: those that chose the defaults, and others.

Each function gives (X, y) as a user has them. Nothing was chosen by the tables of `OTHERS`; they
were first looked at when the defaults stood.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split

FOLDER = Path(os.environ.get("PLAINNET_DATA", Path(__file__).parents[2] / "shared" / "data"))
Table = tuple[pd.DataFrame, pd.Series]
Parts = tuple[pd.DataFrame, pd.DataFrame, Any, Any]


# --- those that chose the defaults ----------------------------------------------------------------


def adult() -> Table:
    parts = [pd.read_csv(FOLDER / f"adult_{part}.csv.gz") for part in ("train", "test")]
    table = pd.concat(parts, keys=["train", "test"])
    return table.drop(columns="income"), table["income"].str.rstrip(".")


def california() -> Table:
    """The eight features of Pace and Barry 1997; the target in units of 100,000 dollars."""
    t = pd.read_csv(FOLDER / "california_housing.csv.gz")
    X = pd.DataFrame(
        {
            "MedInc": t["median_income"],
            "HouseAge": t["housing_median_age"],
            "AveRooms": t["total_rooms"] / t["households"],
            "AveBedrms": t["total_bedrooms"] / t["households"],
            "Population": t["population"],
            "AveOccup": t["population"] / t["households"],
            "Latitude": t["latitude"],
            "Longitude": t["longitude"],
        }
    )
    return X, t["median_house_value"] / 1e5


def titanic() -> Table:
    table = pd.read_csv(FOLDER / "titanic.csv")
    return table.drop(columns=["Survived", "PassengerId"]), table["Survived"]


def digits() -> Table:
    return datasets.load_digits(return_X_y=True, as_frame=True)


def breast_cancer() -> Table:
    return datasets.load_breast_cancer(return_X_y=True, as_frame=True)


# --- others: scikit-learn's, statsmodels', Vega's, and made ones ----------------------------------


def diabetes() -> Table:
    return datasets.load_diabetes(return_X_y=True, as_frame=True)


def wine() -> Table:
    return datasets.load_wine(return_X_y=True, as_frame=True)


def election() -> Table:
    """The vote in 1996, by what 944 Americans answered."""
    t = _statsmodels("anes96")
    return t.drop(columns=["vote", "logpopul"]), t["vote"].astype(int)


def affairs() -> Table:
    """Fair 1978: whether there is one, by eight facts about a marriage."""
    t = _statsmodels("fair")
    return t.drop(columns="affairs"), (t["affairs"] > 0).astype(int)


def doctor() -> Table:
    """Visits to a doctor in the RAND health insurance experiment."""
    t = _statsmodels("randhie")
    return t.drop(columns="mdvis"), t["mdvis"]


def schools() -> Table:
    """The share of pupils above the national median in California's school districts."""
    t = _statsmodels("star98")
    return t.drop(columns=["NABOVE", "NBELOW"]), t["NABOVE"] / (t["NABOVE"] + t["NBELOW"])


def journey() -> Table:
    """Whether this means of transport was chosen (Greene 1997)."""
    t = _statsmodels("modechoice")
    return t.drop(columns=["individual", "choice"]), t["choice"].astype(int)


def cars() -> Table:
    t = _vega("cars").dropna(subset="Miles_per_Gallon")
    return t.drop(columns="Miles_per_Gallon"), t["Miles_per_Gallon"]


def weather() -> Table:
    t = _vega("seattle_weather")
    return t.drop(columns="weather"), t["weather"]


def temperature() -> Table:
    """The temperature in Seattle, by the hour of a year."""
    t = _vega("seattle_temps")
    return t.drop(columns="temp"), t["temp"]


def stocks() -> Table:
    t = _vega("stocks")
    return t.drop(columns="price"), t["price"]


def hastie() -> Table:
    return _frame(*datasets.make_hastie_10_2(4000, random_state=0))


def friedman2() -> Table:
    return _frame(*datasets.make_friedman2(1500, noise=50.0, random_state=0))


def friedman3() -> Table:
    return _frame(*datasets.make_friedman3(1500, noise=0.1, random_state=0))


def quantiles() -> Table:
    """Shells of a normal distribution in six dimensions, four of which say nothing more."""
    X, y = datasets.make_gaussian_quantiles(
        n_samples=2000, n_features=6, n_classes=4, random_state=0
    )
    noise = np.random.default_rng(0).standard_normal((len(X), 4))
    return _frame(np.hstack([X, noise]), y)


def _frame(X: np.ndarray, y: np.ndarray) -> Table:
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]), pd.Series(y)


def _statsmodels(name: str) -> pd.DataFrame:
    import statsmodels.datasets

    return getattr(statsmodels.datasets, name).load_pandas().data


def _vega(name: str) -> pd.DataFrame:
    from vega_datasets import local_data

    return getattr(local_data, name)()


CHOOSING: dict[str, Callable[[], Table]] = {
    "Adult": adult,
    "California housing": california,
    "Titanic": titanic,
    "digits": digits,
    "breast cancer": breast_cancer,
}
OTHERS: dict[str, Callable[[], Table]] = {
    "diabetes": diabetes,
    "wine": wine,
    "election": election,
    "affairs": affairs,
    "doctor": doctor,
    "schools": schools,
    "journey": journey,
    "cars": cars,
    "weather": weather,
    "temperature": temperature,
    "stocks": stocks,
    "hastie": hastie,
    "friedman2": friedman2,
    "friedman3": friedman3,
    "quantiles": quantiles,
}
TABLES = CHOOSING | OTHERS
REGRESSION = {
    *("California housing", "diabetes", "doctor", "schools", "cars", "temperature", "stocks"),
    *("friedman2", "friedman3"),
}


def split(name: str, seed: int) -> Parts:
    """(X, X of the test rows, y, y of the test rows): a fifth is for testing, drawn by the seed.

    Adult has its own test rows, so that there a seed changes the model only.
    """
    X, y = TABLES[name]()
    if name == "Adult":
        return X.loc["train"], X.loc["test"], y.loc["train"], y.loc["test"]
    strata = None if name in REGRESSION else y
    return train_test_split(X, y, test_size=0.2, random_state=seed, stratify=strata)
