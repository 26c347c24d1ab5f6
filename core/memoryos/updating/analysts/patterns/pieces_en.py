"""English: the pieces that patterns of facts are made of, and the tests of what they match."""

from __future__ import annotations

import re

from memoryos.updating.analysts.patterns import words_en as words
from memoryos.updating.analysts.patterns.lexicon import UPPER, Accept

# ── Pieces ────────────────────────────────────────────────────────────────────────────────────

I_AM = r"(?i:I'm|I am|Im)"
WE = r"(?i:I|we)"
ADV = (
    r"(?i:(?: (?:really|also|currently|just|still|actually|now|always|usually|mostly|mainly|do"
    r"|truly"
    r"|absolutely|totally|personally|both|often|honestly|definitely|especially|even|am|are)){0,2})"
)
NUM = r"(?i:an?|one|two|three|four|five|six|seven|eight|nine|ten|twin|\d{1,2})"
ART = r"(?P<det>(?i:an?)) "
CAP = rf"[{UPPER}][\w-]*"
_REGION = "|".join(re.escape(region) for region in sorted(words.REGIONS, key=len, reverse=True))
_LOW = r"(?=\s*(?:$|[.,;!]|and i\b))"
PLACE = (  # capitalised words; after a comma only what can be nothing but a region
    rf"(?P<value>(?:the )?(?:St\. )?{CAP}(?:(?: of| de| del| la| upon)? (?!I\b){CAP}){{0,3}}"
    rf"(?:, (?:{_REGION})\b)?|(?P<low>[a-z]+(?: [a-z]+)?{_LOW}))"
)
NAME = rf"(?P<value>[{UPPER}][\w'-]*\w(?: (?!I\b)[{UPPER}][\w'-]*\w){{0,2}}|(?P<low>[a-z]+{_LOW}))"
GIVEN = rf"(?P<value>[{UPPER}][a-zß-ÿ]\w+)(?![\w-])"
_OF = rf"(?:'s(?= [{UPPER}]))?"
ORG = (
    rf"(?P<value>(?:the )?(?:St\. )?[{UPPER}][\w&.-]*\w{_OF}"
    rf"(?:(?: of| and| &| for)? (?!I\b)[{UPPER}][\w&-]*{_OF}){{0,4}})"
)
END = (  # the clause ends here
    r"(?=\s*(?:$|[^\w\s'&/-]|-\s|(?i:and (?:I|I'm|I've|my|we|it|she|he|they|that|am|have|was)|but"
    r"|because|since|though|although|so|which|cause|cuz|thanks|whenever|when)\b))"
)
NOUN_END = (  # or goes on with what is not part of the noun
    r"(?=\s*(?:$|[^\w\s'&/-]|-\s|(?i:and|or|but|because|since|though|so|which|who|that|when|while"
    r"|as"
    r"|if|for|with|at|in|on|from|by|to|near|right|too|now|where|until|after|before|during|named"
    r"|called|specializing|working|living|based|whose|here|of|these|this)\b))"
)
NP = r"(?P<value>\w[\w'&/-]*(?: \w[\w'&/-]*){0,4}?)"
_ITEM = r"\w[\w'&/-]*(?: \w[\w'&/-]*)?"
LIST = (  # "tea, chess and opera", or one thing
    rf"(?P<value>{_ITEM}(?:, {_ITEM}){{1,5}},? and {_ITEM}"
    r"|\w[\w'&/-]*(?: \w[\w'&/-]*){0,4}?)"
)
LONG = r"(?P<value>\w[\w'&/-]*(?: \w[\w'&/-]*){0,9}?)"

RELATIVE = (
    r"(?P<key>(?i:sister|brother|mother|mom|mum|father|dad|son|daughter|wife|husband|fianc[eé]e?"
    r"|partner|girlfriend|boyfriend|cousin|niece|nephew|aunt|uncle|grandmother|grandma|grandfather"
    r"|grandpa|granddaughter|grandson|stepson|stepdaughter|stepsister|stepbrother|roommate))"
)
WHICH = r"(?i:(?:older |younger |little |big |elder |oldest |youngest |eldest |twin |dear ){0,2})"
PET = (
    r"(?P<key>(?i:dog|cat|puppy|kitten|pup|parrot|hamster|rabbit|bunny|horse|pony|turtle|tortoise"
    r"|snake|lizard|gecko|goldfish|guinea pig|ferret|parakeet|labrador|retriever|poodle|beagle"
    r"|husky|corgi|dachshund|chihuahua|bulldog|terrier|pug|collie|dalmatian))"
)
CALLED = (
    r"(?i:'s name is|'s name's|'s called| is called| is named| named| called|, named|, called"
    r"| whose name is)"
)
VERB = (
    r"(?:(?:is|are|was|were|has|have|loves?|likes?|enjoys?|just|always|really|got|went|and|also|had"
    r"|helped|gave|made|took|to|at|for|on|in|with|this|last|yesterday|today|when)\b)"
)
STATUS = r"(?P<value>(?i:married|single|divorced|engaged|widowed|separated))"
LIKING = (
    r"(?i:(?:like|love|enjoy|adore)|(?:'m|am)(?: a| such a)?(?: really| so| very| super| huge| big"
    r"| massive)? (?:fan of|into|fond of|keen on|passionate about))"
)
DISLIKING = (
    r"(?i:hate|dislike|detest|loathe|can't stand|cannot stand|can't bear"
    r"|(?:don't|do not)(?: really| particularly)? (?:like|enjoy|care for)|'m not(?: a(?: big|"
    r" huge)?"
    r" fan of| (?:really |that |very )?(?:into|fond of|keen on)))"
)

# ── Tests of what matched ─────────────────────────────────────────────────────────────────────

_COMMON = words.VAGUE | frozenset(
    "a an the fear peace hope love hell poverty harmony denial town city home house apartment flat "
    "dorm dorms country countryside suburbs constant school work least night times day spelled "
    "spelt on in at with for and or is was very really happy sad tired here".split()
)


def ends_in(table: frozenset[str], ban: frozenset[str] = frozenset()) -> Accept:
    """Return a test: the value's last word is in `table`, none of its words in `ban`."""

    def accept(match: re.Match[str]) -> bool:
        found = match["value"].lower().split()
        return found[-1] in table and not ban.intersection(found)

    return accept


def titled(table: frozenset[str]) -> Accept:
    """Return a test: the value, capitalised, is in `table`."""
    return lambda match: match["value"].capitalize() in table


def proper(match: re.Match[str]) -> bool:
    """Tell whether the value is a name: capitalised, or in a text without any capital."""
    if low := match.groupdict().get("low"):
        return match.string.islower() and not _COMMON.intersection(low.split())
    value = match["value"].removeprefix("the ")
    return not any(word in words.NOT_NAMES for word in re.split(r"[ ,]+", value)[:2])


def trade_and_employer(match: re.Match[str]) -> bool:
    """Tell whether the group `role` is a trade and the value a name."""
    role = match["role"].lower().split()
    known = role[-1] in words.OCCUPATIONS and not words.NOT_A_TRADE.intersection(role)
    return known and proper(match)


def believable(least: int, most: int) -> Accept:
    """Return a test: the value is a number from `least` to `most`."""
    return lambda match: least <= int(match["value"]) <= most


_GONE = re.compile(
    r"\b(?:die[ds]?|dying|death|dead|passed away|passing|lost|loss|late|ex|former|grie\w+|funeral"
    r"|miss(?:es|ed)?|memory of|used to|split|broke up|divorced?|growing up|as a (?:kid|child))\b",
    re.IGNORECASE,
)


def alive(match: re.Match[str]) -> bool:
    """Tell whether nothing near says that who is spoken of is no more."""
    return not _GONE.search(match.string, max(0, match.start() - 300), match.end() + 300)


_THE = frozenset(
    "outdoors,beach,ocean,sea,mountains,countryside,rain,snow,cold,heat,forest,desert,theater,"
    "theatre,opera,cinema,gym,piano,violin,guitar".split(",")
)
_OPEN_NOUN = re.compile(r"\b(?:an?|the) \w+$")
_NOT_LIKED = frozenset(
    "a an going doing trying and or of for with in on at able how two three several".split()
)


def general(match: re.Match[str]) -> bool:
    """Tell whether a liked thing stands by itself: no article that points elsewhere."""
    value = match["value"].lower()
    first, _, rest = value.partition(" ")
    if first == "the":
        return rest in _THE
    # "a safe, inviting place" is cut at its comma; "anymore" belongs to another pattern.
    cut = match.string[match.end("value") :][:1] == "," and _OPEN_NOUN.search(value)
    return first not in _NOT_LIKED and not cut and not value.endswith(("anymore", "any more"))


def favorite(match: re.Match[str]) -> bool:
    """Tell whether the group `key` is a kind of thing and the value stands by itself."""
    return general(match) and match["key"].split()[-1].lower() not in _NO_KIND


_NO_KIND = frozenset("thing things part parts one ones memory memories moment way photo".split())
trade = ends_in(words.OCCUPATIONS | {"student"}, words.NOT_A_TRADE)
