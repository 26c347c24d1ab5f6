"""English: how people say facts of themselves, as a table of patterns."""

from __future__ import annotations

import re

from memoryos.updating.analysts.patterns import words_en as words
from memoryos.updating.analysts.patterns.lexicon import UPPER, Accept, FactPattern
from memoryos.updating.analysts.patterns.pieces_en import (
    ADV,
    ART,
    CALLED,
    CAP,
    DISLIKING,
    END,
    GIVEN,
    I_AM,
    LIKING,
    LIST,
    LONG,
    NAME,
    NOUN_END,
    NP,
    NUM,
    ORG,
    PET,
    PLACE,
    RELATIVE,
    STATUS,
    VERB,
    WE,
    WHICH,
    alive,
    believable,
    ends_in,
    favorite,
    general,
    proper,
    titled,
    trade,
    trade_and_employer,
)

_SCHOOL = re.compile(r"Universi|College|Institute|\bMIT\b|School|Academy|\bUC[A-Z]+|Polytech")
_SERVICE = re.compile(
    r"\b(?:assistant|agent|guide|advisor|adviser|tutor|coach|companion|bot|concierge|planner|copilot"
    r"|helper|teacher|therapist|trainer)$",
    re.IGNORECASE,
)


def _p(
    regex: str,
    subject: str,
    text: str,
    attribute: str | None = None,
    accept: Accept | None = None,
    *,
    anywhere: bool = False,
    several: bool = False,
    ends: str | None = None,
) -> FactPattern:
    return FactPattern(
        re.compile(regex), subject, "{who} " + text, attribute, accept, anywhere, several, ends
    )


# Written by hand, a pattern to two or three lines: formatted it would be three times as long.
# fmt: off
_WHO = (
    _p(rf"(?i:my (?:full |first |real )?name is|my name's) {NAME}",
       "name", "is called {value}", "name", proper),
    _p(rf"(?i:(?:you can |please |just |everyone calls me |people |friends )?(?:call|calls) me) "
       rf"(?P<value>{CAP}\w)(?=\s*(?:$|[.,!;]))",
       "name", "is called {value}", "name", proper),
    _p(r"(?i:I) (?i:was born)(?: (?i:on|in) [\w ,]{3,20}?)? (?i:in|on [\w ]{3,15},?) "
       r"(?P<value>\d{4})\b",
       "birth_year", "was born in {value}", "birth_year", believable(1900, 2100)),
    _p(rf"(?i:I) (?i:was born(?: and raised)?)(?: in \d{{4}})? (?i:in) {PLACE}",
       "birthplace", "was born in {value}", "birthplace", proper),
    _p(r"(?i:my birthday is|my birthday's) (?:on )?(?P<value>(?:the )?[A-Z][a-z]+ \d{1,2}(?:st|nd"
       r"|rd"
       r"|th)?|(?:the )?\d{1,2}(?:st|nd|rd|th)?(?: of)? [A-Z][a-z]+)\b",
       "birthday", "has birthday on {value}", "birthday"),
    _p(rf"{I_AM}{ADV} (?i:a )?(?P<value>\d{{1,3}})(?:(?i: years? old| ?yo\b| ?y/o\b|[- ]year[-"
       rf" ]old"
       r"\b)|(?=\s*(?:$|[.!;]|, and|, I\b)))",
       "age", "was {value} years old on {date}", None, believable(3, 120)),
    _p(r"(?i:I)(?:'ve)? (?i:just|recently) (?i:turned) (?P<value>\d{1,3})\b",
       "age", "was {value} years old on {date}", None, believable(3, 120)),
    _p(rf"{I_AM}{ADV} (?:(?i:half) )?(?P<value>[A-Z][a-z]+)(?=\s*(?:$|[.,;!]|(?i:and|but|by)\b))",
       "nationality", "is {value}", "nationality", titled(words.NATIONALITIES)),
    _p(rf"{I_AM}{ADV} {STATUS}(?=\s*(?:$|[.,;!]|(?i:and|but|to [A-Z]|with (?:\w+ )?kids)\b))",
       "relationship", "is {value}", "relationship"),
    _p(rf"{I_AM} (?i:(?:happily|newly|recently)) {STATUS}\b",
       "relationship", "is {value}", "relationship"),
    _p(rf"(?i:(?:I|we)(?:'ve)? (?:just |recently |finally )?got) {STATUS}"
       rf"(?=\s*(?:$|[.,;!]|last|this|yesterday|in\b|on\b|two|a few))",
       "relationship", "is {value}", "relationship"),
    _p(rf"(?i:(?:I've|we've|I have|we have) been) {STATUS} (?i:for|since)\b",
       "relationship", "is {value}", "relationship"),
)

_WHERE = (
    _p(rf"(?i:I(?:'m)?{ADV} (?:live|living|reside|based|located)(?: (?:right|over|up|down|out))?"
       rf" (?:here )?in(?: downtown| central| sunny| beautiful)?) {PLACE}",
       "home", "lives in {value}", "home", proper),
    _p(rf"(?i:I am{ADV} (?:living|based|located) in(?: downtown)?) {PLACE}",
       "home", "lives in {value}", "home", proper),
    _p(rf"(?i:I(?:'ve| have)(?: been living| lived)(?: here)? in) {PLACE} (?i:for|since)\b",
       "home", "lives in {value}", "home", proper),
    _p(rf"(?i:I(?:'ve| have)? (?:just|recently|finally) moved(?: back)? to) {PLACE}",
       "home", "lives in {value}", "home", proper),
    _p(rf"(?i:I(?:'ve| have) moved(?: back)? to) {PLACE}",
       "home", "lives in {value}", "home", proper),
    _p(rf"(?i:I no longer live in|I don't live in(?=[^.]* any ?more)) {PLACE}",
       "past_home:{value}", "no longer lives in {value}", None, proper, ends="home"),
    _p(rf"{I_AM}{ADV} (?i:originally )?(?i:from) {PLACE}",
       "origin", "is from {value}", "origin", proper),
    _p(rf"(?i:I{ADV} come from|my home ?town is) {PLACE}",
       "origin", "is from {value}", "origin", proper),
    _p(rf"(?i:my home country,) {PLACE}",
       "origin", "is from {value}", "origin", proper, anywhere=True),
    _p(rf"(?i:I grew up in) {PLACE}", "childhood_home", "grew up in {value}", None, proper),
)

_WORK = (
    _p(rf"{I_AM}{ADV} {ART}{NP}{NOUN_END}", "role", "is {det} {value}", "role", trade),
    _p(rf"(?i:I{ADV} work|{I_AM}{ADV} (?:working|employed)) (?i:as) {ART}{NP}{NOUN_END}",
       "role", "is {det} {value}", "role"),
    _p(rf"(?i:my (?:job|profession|occupation) is|I work as) (?:being )?{ART}{NP}{NOUN_END}",
       "role", "is {det} {value}", "role", trade),
    _p(rf"(?i:I{ADV} work|{I_AM}{ADV} (?:working|employed)) (?i:at|for|by) {ORG}",
       "employer", "works for {value}", "employer", proper),
    _p(rf"(?:(?i:I{ADV} work as)|{I_AM}{ADV}) (?i:an?) (?P<role>[\w-]+(?: [\w-]+){{0,3}}) "
       rf"(?i:at|for) {ORG}",
       "employer", "works for {value}", "employer",
       trade_and_employer),
    _p(rf"(?i:I (?:just |recently |have |'ve )?(?:started working|got a (?:new )?job|started a"
       rf" (?:new"
       rf" )?job|joined)) (?i:at |for )?{ORG}(?i: as\b)",
       "employer", "works for {value}", "employer", proper),
    _p(rf"(?i:I (?:just|recently) (?:started working|got a (?:new )?job|started a (?:new )?job) "
       rf"(?:at|for)) {ORG}",
       "employer", "works for {value}", "employer", proper),
    _p(rf"(?i:(?:I no longer work|I (?:just |recently )?quit my job|I (?:just "
       rf"|recently )"
       rf"?left my job) (?:at|for)) {ORG}",
       "past_employer:{value}", "no longer works for {value}", None, proper, ends="employer"),
    _p(rf"(?i:I{ADV} work(?: as an? [\w-]+(?: [\w-]+){{0,3}}?)? in) {PLACE}",
       "workplace", "works in {value}", "workplace", proper),
    _p(rf"(?i:I{ADV} work) (?P<prep>(?i:in|at|for)) {ART}(?P<value>[\w-]+(?: [\w-]+){{0,2}}?)"
       rf"{NOUN_END}",
       "works:{value}", "works {prep} {det} {value}", None, ends_in(words.WORKPLACES)),
    _p(rf"(?i:I{ADV} work|{I_AM}{ADV} working) (?i:in) (?:the )?(?P<value>(?:[\w-]+ )?[\w-]+?)"
       rf"(?: industry| sector| field)?{END}",
       "field", "works in {value}", "field", ends_in(words.FIELDS)),
    _p(rf"(?i:I{ADV} (?:own|run|manage)) {ART}(?:(?i:small|little|local) )?{NP}{NOUN_END}",
       "owns:{value}", "runs {det} {value}", None, ends_in(words.BUSINESSES, words.VAGUE)),
    _p(rf"(?i:I{ADV} (?:study|major in)|{I_AM}{ADV} (?:studying|majoring in|doing a degree in"
       rf"|doing a phd in|doing a master's in)) {NP}{NOUN_END}",
       "study", "studies {value}", "study", ends_in(words.STUDIES, words.VAGUE)),
    _p(rf"(?i:(?:I{ADV} (?:study|go to)|{I_AM}{ADV} studying)(?: [\w]+(?: [\w]+)?)?(?: at)?"
       rf"|I attend|{I_AM} an? [\w -]{{0,30}}?student at) {ORG}",
       "school", "studies at {value}", "school",
       lambda match: _SCHOOL.search(match["value"]) is not None),
    _p(rf"(?i:I(?:'ve| have)(?: got)? an? (?:bachelor's |master's |phd |degree |doctorate )+in) "
       rf"{NP}{NOUN_END}",
       "degree:{value}", "has a degree in {value}", None, ends_in(words.STUDIES, words.VAGUE)),
)

_FAMILY = (
    _p(rf"\b(?i:my|our) {WHICH}{RELATIVE}(?:{CALLED})? {GIVEN}",
       "family:{key}:{value}", "has a {key} called {value}", None, proper, anywhere=True),
    _p(rf"(?i:{WE}(?:'ve)?{ADV} have(?: got)?) {NUM} {WHICH}(?:(?i:wonderful|beautiful|amazing|"
       rf"lovely) )?{RELATIVE}s?{CALLED} {GIVEN}",
       "family:{key}:{value}", "has a {key} called {value}", None, proper),
    _p(rf"\b(?i:my) (?P<value>(?i:husband|wife|son|daughter|sister|brother|girlfriend|boyfriend"
       rf"|dog|cat|puppy|kitten))(?!{CALLED})(?='s\b| {VERB}|\s*[.!]|,? and\b)",
       "family:{value}", "has a {value}", None, alive, anywhere=True),
    _p(rf"\b(?i:my) (?P<value>(?i:kids|children|sons|daughters|sisters|brothers|siblings|dogs"
       rf"|cats|pets))(?='|\s*[.!]| {VERB}|,? and\b)",
       "family:{value}", "has {value}", None, alive, anywhere=True),
    _p(rf"(?i:{WE}(?:'ve)?{ADV} have(?: got)?) (?P<value>{NUM} {WHICH}(?P<key>(?i:sister"
       rf"|brother"
       r"|son|daughter|wife|husband|girlfriend|boyfriend|fianc[eé]e?|sibling|kid|child|boy|girl"
       rf"|grandkid|grandchild|grandson|granddaughter|twin))(?:s|ren)?)(?=\s*(?:$|[^\w\s'-]|(?i:and"
       r"|but|who|so|aged|at home|too|now|together|with)\b))",
       "family:{key}", "has {value}"),
    _p(rf"{I_AM}{ADV} (?P<value>{ART}(?:(?i:single|proud|new|working|stay-at-home) )?(?i:mom|mum"
       r"|mother|dad|father|parent|grandmother|grandma|grandfather|grandpa)(?: of (?:\w+))?)"
       r"(?=\s*(?:$|[.,;!]|(?i:and|to|with|now|too)\b))",
       "family:parent", "is {value}"),
    _p(rf"{I_AM} (?i:married to) {GIVEN}",
       "family:spouse:{value}", "is married to {value}", None, proper),
    _p(rf"\b(?i:my|our) (?i:\w+ )?{PET}(?:{CALLED})? {GIVEN}",
       "pet:{value}", "has a {key} called {value}", None, proper, anywhere=True),
    _p(rf"(?i:{WE}{ADV} have(?: got)?) {NUM} (?:[\w-]+ ){{0,2}}?{PET}s?{CALLED} {GIVEN}",
       "pet:{value}", "has a {key} called {value}", None, proper),
    _p(rf"(?i:{WE}{ADV} have(?: got)?) (?P<value>{NUM} (?:[\w-]+ ){{0,2}}?{PET}(?:s|ies)?)"
       r"(?=\s*(?:$|[^\w\s'-]|(?i:and|but|who|that|so|at home|too|now|as)\b))",
       "pet:{key}", "has {value}"),
)

_TASTE = (
    _p(rf"(?i:I{ADV}) ?{LIKING}(?: also)? (?!to\b){LIST}{END}",
       "likes:{value}", "likes {value}", None, general, several=True),
    _p(rf"(?i:I{ADV}) ?{LIKING} (?i:to) {NP}{END}",
       "likes:{value}", "likes to {value}", None, general),
    _p(rf"(?i:I{ADV}) ?{DISLIKING} {LIST}(?: at all)?{END}",
       "likes:{value}", "dislikes {value}", None, general, several=True),
    _p(rf"(?i:I (?:don't|do not)(?: really)? (?:like|love|enjoy)) {NP} (?i:any ?more)\b",
       "likes:{value}", "no longer likes {value}", None, general),
    _p(rf"(?i:I{ADV} (?:no longer (?:like|love|enjoy)|stopped (?:liking|enjoying)|am no longer"
       rf" into))"
       rf" {NP}{END}",
       "likes:{value}", "no longer likes {value}", None, general),
    _p(rf"(?i:my (?:all[- ]time |absolute )?favou?rite (?P<key>[a-z-]+(?: [a-z-]+)?)(?: of all"
       rf" time)? "
       rf"(?:is|are)(?: probably| definitely)?) {NP}{END}",
       "favorite:{key}", "has {value} as favorite {key}", None, favorite),
    _p(rf"{I_AM}{ADV} (?i:interested in) {LIST}{END}",
       "interest:{value}", "is interested in {value}", None, general, several=True),
    _p(rf"(?i:I{ADV} prefer) {NP}{END}", "prefers:{value}", "prefers {value}", None, general),
    _p(rf"(?i:my (?:favou?rite )?hobb(?:y is|ies are)) {LIST}{END}",
       "hobby:{value}", "has {value} as a hobby", None, general, several=True),
    _p(rf"(?i:I{ADV} play) (?:the )?{NP}{NOUN_END}",
       "plays:{value}", "plays {value}", None, ends_in(words.PLAYED, words.VAGUE), several=True),
)

_BODY = (
    _p(rf"{I_AM}{ADV} (?i:(?:severely |very |deathly )?allergic to) {LIST}{END}",
       "allergy:{value}", "is allergic to {value}", None, general, several=True),
    _p(rf"(?i:I{ADV} have) (?i:an? |a severe |a serious )(?P<value>[\w-]+(?: [\w-]+)?) "
       rf"(?P<key>(?i:allergy|intolerance)){NOUN_END}",
       "allergy:{value}", "has {value} {key}"),
    _p(rf"{I_AM}{ADV} (?P<value>(?i:lactose|gluten))[ -](?i:intolerant)\b",
       "allergy:{value}", "is {value} intolerant"),
    _p(rf"{I_AM}{ADV} (?i:an? )?(?P<value>(?i:vegan|vegetarian|pescatarian|celiac"
       rf"|coeliac)){END}",
       "diet", "is {value}", "diet"),
    _p(rf"(?i:I (?:don't|do not|never) eat) (?P<value>[\w-]+(?: [\w-]+)?){END}",
       "eats:{value}", "does not eat {value}", None, general),
    _p(rf"(?i:I{ADV} have) (?P<value>(?i:type [12] diabetes|diabetes|asthma|epilepsy|celiac"
       rf" disease"
       r"|migraines|arthritis|adhd|hypertension|high blood pressure|insomnia))\b",
       "health:{value}", "has {value}"),
)

_CAN = (
    _p(rf"(?i:I{ADV}(?: can)? speak|{I_AM}{ADV} fluent in)(?i: fluent| a little| some| a bit"
       rf" of)? "
       r"(?P<value>[A-Z]\w+(?:(?:, (?:and )?| and )[A-Z]\w+){0,4})\b",
       "language:{value}", "speaks {value}", None,
       lambda match: words.LANGUAGES.issuperset(re.split(r", and |, | and ", match["value"])),
       several=True),
    _p(r"(?i:my (?:native|first) language is|my mother tongue is) (?P<value>[A-Z]\w+)",
       "language:{value}", "speaks {value}", None, titled(words.LANGUAGES)),
    _p(rf"{I_AM}{ADV} (?i:learning|studying) (?P<value>[A-Z]\w+)\b",
       "learning:{value}", "is learning {value}", None, titled(words.LANGUAGES)),
    _p(rf"{I_AM}{ADV} (?i:learning(?: how)? to) {NP}{END}",
       "learning:{value}", "is learning to {value}"),
)

_HAS = (
    _p(rf"(?i:I{ADV} (?:own|drive|ride)) {ART}{NP}{NOUN_END}",
       "owns:{value}", "has {det} {value}", None,
       lambda match: match["value"].split()[-1] in words.POSSESSIONS
       or match["value"][0].isupper()),
    _p(rf"(?i:I{ADV} have(?: got)?) {ART}{NP}{NOUN_END}",
       "owns:{value}", "has {det} {value}", None, ends_in(words.POSSESSIONS, words.VAGUE)),
)

_PLANS = (
    _p(rf"(?i:I{ADV} (?:want|hope|plan|intend) to) (?P<value>(?i:learn|become|be an?|travel|visit"
       r"|move|study|buy an?|start an?|start my own|open an?|run an?|write an? (?:book|novel)|adopt"
       rf"|retire|get an?|climb|volunteer)\b(?: [\w'&/-]+){{0,9}}?){END}",
       "goal:{value}", "wants to {value}"),
    _p(rf"{I_AM}{ADV} (?i:planning to|hoping to|planning on|saving up to) "
       rf"(?P<value>[a-z]+(?: [\w'&/-]+){{1,9}}?){END}",
       "goal:{value}", "plans: {value}"),
    _p(rf"(?i:my (?:main |ultimate |big |biggest |long-term |life )?(?:goal|dream|plan) is(?:"
       rf" to)?) "
       rf"{LONG}{END}",
       "goal:{value}", "has the goal: {value}"),
    _p(rf"{I_AM}{ADV} (?i:training for|preparing for|saving up for) {NP}{END}",
       "goal:{value}", "is preparing for {value}"),
)

# fmt: on
PERSON = (*_WHO, *_WHERE, *_WORK, *_FAMILY, *_TASTE, *_BODY, *_CAN, *_HAS, *_PLANS)
"""What people say of themselves."""

AGENT = (
    _p(rf"(?i:my name is|my name's) {NAME}", "name", "is called {value}", "name", proper),
    _p(
        rf"{I_AM} (?P<value>[{UPPER}]\w+)(?=, (?i:your|an? (?:AI|virtual|digital|personal))\b)",
        "name",
        "is called {value}",
        "name",
        proper,
    ),
    _p(
        rf"{I_AM} (?:[{UPPER}]\w+, )?(?i:your) {NP}{NOUN_END}",
        "agent_role",
        "is the user's {value}",
        "role",
        lambda match: _SERVICE.search(match["value"]) is not None,
    ),
    _p(
        rf"(?i:I(?:'ve| have)? (?P<key>recommended|suggested|booked|scheduled|reserved|ordered"
        rf"|created"
        rf"|sent)) {LONG}{END}",
        "agent_did:{value}",
        "{key} {value}",
    ),
    _p(
        rf"(?i:I(?:'d| would)? (?:recommend)) {LONG}{END}",
        "agent_did:{value}",
        "recommended {value}",
    ),
    _p(rf"(?i:I(?:'d| would)? (?:suggest)) {LONG}{END}", "agent_did:{value}", "suggested {value}"),
)
"""What an assistant says of itself."""
