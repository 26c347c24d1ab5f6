"""Spanish as the rules know it: how people say facts of themselves, as a table of patterns."""

from __future__ import annotations

import re

from memoryos.updating.analysts.patterns import words_es as words
from memoryos.updating.analysts.patterns.lexicon import UPPER, Accept, FactPattern, Lexicon

# ── Pieces ────────────────────────────────────────────────────────────────────────────────────

_ADV = r"(?i:(?:(?:ahora|actualmente|también|todavía|aún|ya|siempre|realmente|además|hoy) ){0,2})"
_NUM = r"(?i:un|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|\d{1,2})"
_CAP = rf"[{UPPER}][\w-]*"
_LOW = r"(?=\s*(?:$|[.,;!]|y\b))"
_PLACE = (
    rf"(?P<value>(?:(?:[Ll]a|[Ee]l|[Ll]os|[Ll]as) )?{_CAP}(?:(?: de| del| de la| de los| la| las|"
    rf" y)?"
    rf" {_CAP}){{0,3}}|(?P<low>[a-zñáéíóú]+(?: [a-zñáéíóú]+)?{_LOW}))"
)
_NAME = rf"(?P<value>[{UPPER}][\w'-]*\w(?: (?:de )?[{UPPER}][\w'-]*\w){{0,2}}|(?P<low>\w+{_LOW}))"
_GIVEN = rf"(?P<value>[{UPPER}][a-zß-ÿ]\w*)(?![\w-])"
_ORG = (
    rf"(?P<value>(?:(?:el|la) )?[{UPPER}][\w&.-]*\w(?:(?: de| del| y| &)? [{UPPER}][\w&-]*){{0,4}})"
)
_END = (
    r"(?=\s*(?:$|[^\w\s'&/-]|-\s|(?i:y (?:me|mi|mis|no|tengo|soy|vivo|trabajo|estoy|también|a|yo"
    r"|es|"
    r"hablo|estudio|eso|voy|quiero|nací)|pero|porque|aunque|desde|cuando|ya que|así que|mientras"
    r"|gracias)\b))"
)
_NOUN_END = (
    r"(?=\s*(?:$|[^\w\s'&/-]|-\s|(?i:y|e|o|pero|porque|aunque|desde|cuando|que|en|con|para|por|a|al"
    r"|como|desde|hasta|así|mientras|donde|llamad[oa]s?)\b))"
)
_NP = r"(?P<value>\w[\w'&/-]*(?: \w[\w'&/-]*){0,5}?)"
_LONG = r"(?P<value>\w[\w'&/-]*(?: \w[\w'&/-]*){0,9}?)"
_PERSON = (
    r"(?P<key>(?i:herman[oa]|madre|mamá|padre|papá|hij[oa]|espos[oa]|mujer|marido|novi[oa]|pareja"
    r"|prim[oa]|sobrin[oa]|t[ií][oa]|abuel[oa]|niet[oa]|prometid[oa]|suegr[oa]|cuñad[oa]))"
)
_PET = (
    r"(?P<key>(?i:perr[oa]|perrit[oa]|gat[oa]|gatit[oa]|cachorr[oa]|loro|hámster|conej[oa]|caballo"
    r"|yegua|tortuga|pez|periquito|canario))"
)
_CALLED = r"(?i: se llama| llamad[oa],?|, llamad[oa]| que se llama)"
_STATUS = r"(?P<value>(?i:casad[oa]|solter[oa]|divorciad[oa]|separad[oa]|viud[oa]|comprometid[oa]))"

# ── Tests of what matched ─────────────────────────────────────────────────────────────────────

_COMMON = words.VAGUE | frozenset(
    "un una el la los las casa paz armonía pueblo ciudad campo centro familia silencio alquiler "
    "piso apartamento en con de por y o es muy guerra miedo negación pecado".split()
)


def _proper(match: re.Match[str]) -> bool:
    """Tell whether the value is a name: capitalised, or in a text without any capital."""
    if low := match.groupdict().get("low"):
        return match.string.islower() and not _COMMON.intersection(low.split())
    found = match["value"].split()
    if found[0].lower() in {"la", "el", "los", "las"}:
        found = found[1:]
    return bool(found) and found[0] not in words.NOT_NAMES


def _first_in(table: frozenset[str], ban: frozenset[str] = words.VAGUE) -> Accept:
    """Return a test: the value's first word is in `table`, none of its words in `ban`."""

    def accept(match: re.Match[str]) -> bool:
        found = match["value"].lower().split()
        return found[0] in table and ban.isdisjoint(found)

    return accept


def _listed(table: frozenset[str]) -> Accept:
    """Return a test: each entry of the value, a list, is in `table`."""
    return lambda match: table.issuperset(re.split(r", | y | e ", match["value"].lower()))


def _general(match: re.Match[str]) -> bool:
    """Tell whether a liked thing stands by itself: no article that points at one thing."""
    first = match["value"].split(" ", 1)[0].lower()
    return first not in {"un", "una", "unos", "unas", "de", "en", "con", "a", "para", "por"}


def _believable(least: int, most: int) -> Accept:
    return lambda match: least <= int(match["value"]) <= most


def _apposed(match: re.Match[str]) -> bool:
    """Tell whether the value is a name that belongs to who is spoken of: "mi hermana, Ana,"."""
    closed = match.string[match.end() : match.end() + 1] == ","
    return _proper(match) and ("," not in match[0] or closed)


_trade = _first_in(words.OCCUPATIONS, words.VAGUE | words.NOT_A_TRADE)
_ANY_TRADE = rf"{_NP}{_NOUN_END}"


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


# ── The table ─────────────────────────────────────────────────────────────────────────────────
# Written by hand, a pattern to two or three lines: formatted it would be three times as long.
# fmt: off
_WHO = (
    _p(rf"(?i:me llamo|mi nombre (?:completo )?es) {_NAME}",
       "name", "se llama {value}", "name", _proper),
    _p(rf"(?i:(?:puedes |podés |por favor )?(?:llámame|llamarme|me llaman|dime)) {_GIVEN}"
       r"(?=\s*(?:$|[.,!;]))",
       "name", "se llama {value}", "name", _proper),
    _p(r"(?i:nací(?: el [\w ]{3,20})?(?: en [\w ]{3,30})?(?: en el año| en| del?))"
       r" (?P<value>\d{4})\b",
       "birth_year", "nació en {value}", "birth_year", _believable(1900, 2100)),
    _p(rf"(?i:nací(?: y crecí)?(?: en (?:el año )?\d{{4}})? en) {_PLACE}",
       "birthplace", "nació en {value}", "birthplace", _proper),
    _p(r"(?i:mi cumpleaños es(?: el)?) (?P<value>\d{1,2} de [a-z]+)\b",
       "birthday", "cumple años el {value}", "birthday"),
    _p(rf"{_ADV}(?i:tengo|cumplí) (?P<value>\d{{1,3}}) (?i:años)(?=\s*(?:$|[.,;!]|(?i:y|pero"
       rf"|recién)"
       r"\b))",
       "age", "tenía {value} años el {date}", None, _believable(3, 120)),
    _p(rf"{_ADV}(?i:soy) (?P<value>\w+){_NOUN_END}",
       "nationality", "es {value}", "nationality", _first_in(words.NATIONALITIES)),
    _p(rf"{_ADV}(?i:estoy|soy) (?:(?i:felizmente|recién) )?{_STATUS}(?=\s*(?:$|[.,;!]|(?i:y|pero"
       rf"|con"
       r"|desde)\b))",
       "relationship", "está {value}", "relationship"),
)

_WHERE = (
    _p(rf"{_ADV}(?i:vivo|resido|estoy viviendo)(?: (?i:ahora|actualmente))?(?: (?i:aquí))? (?i:en) "
       rf"{_PLACE}",
       "home", "vive en {value}", "home", _proper),
    _p(rf"(?i:(?:acabo de mudarme|me acabo de mudar|me mudé recientemente|me he mudado"
       rf"|nos hemos mudado) a) {_PLACE}",
       "home", "vive en {value}", "home", _proper),
    _p(rf"(?i:llevo) [\w ]{{1,20}}? (?i:viviendo en) {_PLACE}",
       "home", "vive en {value}", "home", _proper),
    _p(rf"(?i:ya no vivo en) {_PLACE}",
       "past_home:{value}", "ya no vive en {value}", None, _proper, ends="home"),
    _p(rf"{_ADV}(?i:soy|vengo) (?:(?i:originalmente|originario|originaria) )?(?i:de) {_PLACE}",
       "origin", "es de {value}", "origin", _proper),
    _p(rf"(?i:crecí en) {_PLACE}", "childhood_home", "creció en {value}", None, _proper),
)

_WORK = (
    _p(rf"{_ADV}(?i:soy) (?:(?i:una?) )?{_ANY_TRADE}", "role", "es {value}", "role", _trade),
    _p(rf"{_ADV}(?i:trabajo|estoy trabajando)(?: (?i:en|para) {_CAP}(?: {_CAP}){{0,2}})? "
       rf"(?i:como|de) (?:(?i:una?) )?{_ANY_TRADE}",
       "role", "es {value}", "role", _trade),
    _p(rf"{_ADV}(?i:me dedico a) (?:la |el |los |las )?{_ANY_TRADE}",
       "field", "se dedica a {value}", "field"),
    _p(rf"{_ADV}(?i:trabajo|estoy trabajando)(?: (?i:como|de) [\w ]{{3,40}}?)? (?i:para) {_ORG}",
       "employer", "trabaja para {value}", "employer", _proper),
    _p(rf"{_ADV}(?i:trabajo|estoy trabajando|soy)(?: (?i:como|de))? [\w ]{{3,40}}? (?i:en)"
       rf" {_PLACE}",
       "workplace", "trabaja en {value}", "workplace",
       lambda match: _proper(match) and not words.OCCUPATIONS.isdisjoint(match[0].lower().split())),
    _p(rf"{_ADV}(?i:trabajo|estoy trabajando) (?i:en) {_PLACE}",
       "workplace", "trabaja en {value}", "workplace", _proper),
    _p(rf"(?i:ya no trabajo (?:en|para)) {_ORG}",
       "past_workplace:{value}", "ya no trabaja en {value}", None, _proper, ends="workplace"),
    _p(rf"{_ADV}(?i:estudio|estoy estudiando) {_ANY_TRADE}",
       "study", "estudia {value}", "study", _first_in(words.STUDIES)),
    _p(rf"{_ADV}(?i:soy estudiante de) {_ANY_TRADE}",
       "study", "estudia {value}", "study", _first_in(words.STUDIES)),
    _p(rf"{_ADV}(?:(?i:estudio|estoy estudiando)(?: [\w ]{{3,30}}?)? (?i:en)) {_ORG}",
       "school", "estudia en {value}", "school",
       lambda match: bool(re.search(r"Universi|Instituto|Escuela|Colegio|Facultad|Politécnica",
       match["value"]))),
)

_FAMILY = (
    _p(rf"\b(?i:mi) (?:(?i:mejor|pequeñ[oa]) )?{_PERSON}(?: (?i:mayor|menor"
       rf"|pequeñ[oa]))?(?:{_CALLED})?,?"
       rf" {_GIVEN}",
       "family:{key}:{value}", "tiene {key}: {value}", None,
       _apposed,
       anywhere=True),
    _p(rf"{_ADV}(?i:tengo|tenemos) {_NUM} {_PERSON}s?(?: (?i:mayor|menor|pequeñ[oa]))?{_CALLED}"
       rf" {_GIVEN}",
       "family:{key}:{value}", "tiene {key}: {value}", None, _proper),
    _p(rf"{_ADV}(?i:tengo|tenemos) (?P<value>{_NUM} (?P<key>(?i:herman[oa]|hij[oa]|novi[oa]"
       rf"|espos[oa]"
       r"|niet[oa]|sobrin[oa]|niñ[oa]|mujer|marido))(?:s)?(?: (?i:mayor|menor"
       r"|pequeñ[oa])(?:e?s)?)?)"
       r"(?=\s*(?:$|[^\w\s-]|(?i:y|pero|que|llamad[oa]s?|de)\b))",
       "family:{key}", "tiene {value}"),
    _p(rf"{_ADV}(?i:soy) (?P<value>(?i:madre|padre|mamá|papá)(?: (?i:soltera|soltero))?(?: (?i:de)"
       rf" \w+)?)"
       rf"{_END}",
       "family:parent", "es {value}"),
    _p(rf"{_ADV}(?i:estoy|soy) (?i:casad[oa]) (?i:con) {_GIVEN}",
       "family:spouse:{value}", "está casado/a con {value}", None, _proper),
    _p(rf"\b(?i:mi) {_PET}(?:{_CALLED})?,? {_GIVEN}",
       "pet:{value}", "tiene {key}: {value}", None,
       _apposed,
       anywhere=True),
    _p(rf"{_ADV}(?i:tengo|tenemos) {_NUM} {_PET}s?{_CALLED} {_GIVEN}",
       "pet:{value}", "tiene {key}: {value}", None, _proper),
    _p(rf"{_ADV}(?i:tengo|tenemos) (?P<value>{_NUM} {_PET}s?)(?=\s*(?:$|[^\w\s-]|(?i:y|pero|que"
       r"|llamad[oa]s?)\b))",
       "pet:{key}", "tiene {value}"),
)

_TASTE = (
    _p(rf"{_ADV}(?:(?i:a mí) )?(?i:me (?P<key>gustan?|encantan?|fascinan?|apasionan?)(?: mucho"
       rf"| muchísimo)?(?: también)?) {_NP}{_END}",
       "likes:{value}", "dice que le {key} {value}", None, _general, several=True),
    _p(rf"{_ADV}(?i:(?:amo|adoro|disfruto)(?: mucho)?(?: de)?|soy (?:muy )?(?:fan|aficionad[oa]"
       rf"|fanátic[oa]) (?:al?|del?)) {_NP}{_END}",
       "likes:{value}", "disfruta de {value}", None, _general, several=True),
    _p(rf"(?:(?i:a mí) )?(?i:no me (?P<key>gustan?|agradan?)(?: nada)?) {_NP}{_END}",
       "likes:{value}", "dice que no le {key} {value}", None, _general, several=True),
    _p(rf"{_ADV}(?i:odio|detesto|no soporto|no aguanto) {_NP}{_END}",
       "likes:{value}", "no soporta {value}", None, _general, several=True),
    _p(rf"(?:(?i:a mí) )?(?i:ya no me (?P<key>gustan?|encantan?|interesan?)(?: tanto)?)"
       rf" {_NP}{_END}",
       "likes:{value}", "dice que ya no le {key} {value}", None, _general, several=True),
    _p(rf"(?i:mi) (?P<key>(?i:\w+(?: de \w+)?)) (?i:favorit[oa]s?|preferid[oa]s?) (?i:es|son) {_NP}"
       rf"{_END}",
       "favorite:{key}", "tiene como {key} favorito/a: {value}"),
    _p(rf"{_ADV}(?i:me interesan?) {_NP}{_END}",
       "interest:{value}", "se interesa por {value}", None, _general, several=True),
    _p(rf"{_ADV}(?i:prefiero) {_NP}{_END}", "prefers:{value}", "prefiere {value}", None, _general),
    _p(rf"{_ADV}(?i:toco|juego(?: al| a la| a las?)?|practico) (?:(?i:el|la|los|las|al) )?{_NP}"
       rf"{_NOUN_END}",
       "plays:{value}", "practica {value}", None, _first_in(words.PLAYED), several=True),
)

_BODY = (
    _p(rf"{_ADV}(?i:soy (?:muy )?alérgic[oa] (?:al|a los|a las|a la|a)) {_NP}{_END}",
       "allergy:{value}", "tiene alergia a {value}", None, _general, several=True),
    _p(rf"{_ADV}(?i:tengo alergia (?:al|a los|a las|a la|a)) {_NP}{_END}",
       "allergy:{value}", "tiene alergia a {value}", None, _general, several=True),
    _p(rf"{_ADV}(?i:soy) (?:(?i:intolerante a la)) (?P<value>(?i:lactosa|fructosa))\b",
       "allergy:{value}", "tiene intolerancia a la {value}"),
    _p(rf"{_ADV}(?i:soy) (?P<value>(?i:vegan[oa]|vegetarian[oa]|celíac[oa]|pescetarian[oa])){_END}",
       "diet", "es {value}", "diet"),
    _p(rf"(?i:no como) (?P<value>\w+(?: \w+)?){_END}",
       "eats:{value}", "no come {value}", None, _general),
    _p(rf"{_ADV}(?i:tengo) (?P<value>(?i:diabetes(?: tipo [12])?|asma|epilepsia|migrañas|artritis"
       r"|hipertensión|insomnio))\b",
       "health:{value}", "tiene {value}"),
)

_CAN = (
    _p(rf"{_ADV}(?i:hablo)(?: (?i:un poco de|bien|muy bien))? (?P<value>\w+(?:(?:, | y | e"
       rf" )\w+){{0,4}})"
       r"\b(?! (?:con|de|a)\b)",
       "language:{value}", "habla {value}", None, _listed(words.LANGUAGES), several=True),
    _p(r"(?i:mi (?:lengua materna|idioma materno|idioma nativo) es)(?: el)? (?P<value>\w+)",
       "language:{value}", "habla {value}", None, _listed(words.LANGUAGES)),
    _p(rf"{_ADV}(?i:estoy aprendiendo|estudio|estoy estudiando) (?P<value>\w+)\b",
       "learning:{value}", "está aprendiendo {value}", None, _listed(words.LANGUAGES)),
    _p(rf"{_ADV}(?i:estoy aprendiendo a) {_NP}{_END}",
       "learning:{value}", "está aprendiendo a {value}"),
)

_HAS = (
    _p(rf"{_ADV}(?i:tengo) (?P<value>(?i:una?) (?P<key>(?i:coche|carro|auto|moto|motocicleta"
       rf"|bicicleta"
       r"|bici|guitarra|piano|violín|casa|barco|furgoneta|camión|apartamento|piso|huerto|jardín"
       rf"|telescopio|tienda|empresa|negocio|restaurante|bar|panadería))){_NOUN_END}",
       "owns:{key}", "tiene {value}"),
)

_PLANS = (
    _p(rf"{_ADV}(?i:quiero|espero|planeo|pienso) (?P<value>(?i:aprender|ser|viajar|visitar|mudarme"
       r"|estudiar|comprar una?|abrir una?|empezar una?|escribir un|adoptar|jubilarme|correr un)\b"
       rf"(?: [\w'&/-]+){{0,9}}?){_END}",
       "goal:{value}", "tiene como meta: {value}"),
    _p(rf"(?i:mi (?:gran |principal )?(?:meta|objetivo|sueño|plan) es) {_LONG}{_END}",
       "goal:{value}", "tiene como meta: {value}"),
    _p(rf"{_ADV}(?i:estoy planeando|estoy ahorrando para|me estoy preparando para) {_LONG}{_END}",
       "goal:{value}", "tiene planes: {value}"),
)

_AGENT = (
    _p(rf"(?i:me llamo|mi nombre es) {_NAME}", "name", "se llama {value}", "name", _proper),
    _p(rf"(?i:soy) (?:[{UPPER}]\w+, )?(?i:tu|su) (?P<value>(?i:asistente|agente|guía|tutora?"
       rf"|asesora?"
       rf"|entrenadora?|compañer[oa]|profesora?)(?: \w+){{0,3}}?){_NOUN_END}",
       "agent_role", "es {value} del usuario", "role"),
    _p(rf"(?i:(?:te|le) (?:recomendé|he recomendado|recomiendo)) {_LONG}{_END}",
       "agent_did:{value}", "recomendó {value}"),
    _p(rf"(?i:(?:te|le) (?:sugerí|he sugerido|sugiero)) {_LONG}{_END}",
       "agent_did:{value}", "sugirió {value}"),
)

# fmt: on
SPANISH = Lexicon(
    code="es",
    user="El usuario",
    agent="El asistente",
    cue=re.compile(
        r"\b(?:yo|mi|mis|me (?:llam|gust|encant|fascin|apasion|interes|dedico|mud|he|acabo"
        r"|estoy)\w*|soy|estoy|tengo|tenemos|vivo|resido|trabajo|estudio|hablo|nací|crecí|odio"
        r"|detesto|amo|adoro|disfruto|quiero|prefiero|llámame|llevo|juego|toco|practico|vengo"
        r"|planeo"
        r"|espero|pienso|cumplí|no como|no soporto|no aguanto|nos hemos|(?:te|le) (?:recom|sug"
        r"|he)\w*|acabo)\b",
    ),
    clause=re.compile(
        r"[,;–—…)¡]+\s*|\s-\s|\s(?:y|e|pero|porque|aunque|así que|ya que|además)\s", re.IGNORECASE
    ),
    opener=re.compile(
        r"(?:(?:hola|buenas|buenos días|buenas tardes|buenas noches|bueno|pues|sí|no,|oye|mira|vale"
        r"|claro|y|pero|porque|además|por cierto|la verdad|en realidad|de hecho|yo|recuerda que"
        r"|recuerda|gracias|encantad[oa]|por favor|hoy en día|como sabes|y yo|ya que)\b[\s,!.¡…-]*"
        r"|[¡\s]+){0,5}",
        re.IGNORECASE,
    ),
    lead=re.compile(
        r"(?:ahora|actualmente|también|todavía|aún|ya|siempre|realmente|además|hoy|a mí|mi|me|nos"
        r"|soy"
        r"|estoy|tengo|tenemos|vivo|resido|trabajo|estudio|hablo|nací|crecí|odio|detesto|amo|adoro"
        r"|disfruto|quiero|prefiero|llámame|puedes|podés|llevo|juego|toco|practico|vengo|planeo"
        r"|espero"
        r"|pienso|cumplí|no|acabo|te|le|dime)\b",
        re.IGNORECASE,
    ),
    unreal=re.compile(
        r"\b(?:si|ojalá|imagina|imaginemos|supongamos|supón|fuera|fuese|viviera|tuviera|dijo|dice"
        r"|dicen|dijeron|decía|contó|cuenta que|preguntó|según|afirma|cree que|creen que|piensa que"
        r"|antes|solía|cuando era|de niñ[oa]|de pequeñ[oa]|en mis sueños|en mi sueño|soñé|como si"
        r"|letra de|canción dice|quisiera|me gustaría|escribió|a lo mejor|quizás?|tal vez)(?!\w)",
        re.IGNORECASE,
    ),
    unserious=re.compile(
        r"\b(?:es broma|bromeo|estoy bromeando|era broma|traduce|traducir|traduzca|reescribe"
        r"|corrige"
        r"|resume (?:esto|el siguiente)|imagina que|finge|actúa como|hagamos como|supongamos"
        r"|escribe (?:me )?(?:un|una|el|la) [\w ]{0,20}?(?:cuento|historia|poema|canción|ensayo"
        r"|carta"
        r"|correo|diálogo|monólogo|discurso|guion))\b",
        re.IGNORECASE,
    ),
    tail=re.compile(
        r"[\s,.;–—-]*¿?\s*(?:y (?:tú|vos|usted|tu|ustedes)|qué tal tú|tú)\s*\?+\s*$", re.IGNORECASE
    ),
    intro=re.compile(
        r"[¡\s]*(?i:hola|buenas|buenos días|buenas tardes|buenas noches)\b[^.!?\n,]{0,20}[.!,]*\s+"
        rf"[¡]?(?i:soy|yo soy) (?P<value>[{UPPER}][a-zß-ÿ]\w*(?: [{UPPER}][\w'-]*\w)?)"
        r"(?=\s*(?:[.,!;]|$|y\b|de\b))"
    ),
    intro_text="{who} se llama {value}",
    patterns=(*_WHO, *_WHERE, *_WORK, *_FAMILY, *_TASTE, *_BODY, *_CAN, *_HAS, *_PLANS),
    agent_patterns=_AGENT,
    vague=words.VAGUE,
    trim=re.compile(
        r"(?: (?:mucho|muchísimo|también|ahora|actualmente|demasiado|nada|la verdad|bastante|hoy"
        r"|hoy en día|últimamente|tanto|ya|sobre todo))+$",
        re.IGNORECASE,
    ),
    joint=re.compile(r"\s*,\s*(?:y|o)?\s*|\s+(?:y|e|o)\s+", re.IGNORECASE),
    normal=re.compile(
        r"(?:jugar al|jugar a la|jugar a|jugar|comer|beber|tomar|ver|escuchar|tocar|el|la|los|las"
        r"|un"
        r"|una) (?:(?:el|la|los|las) )?",
        re.IGNORECASE,
    ),
    negative=re.compile(r"\b(?:no|odia|detesta|dejó)\b", re.IGNORECASE),
    not_language=frozenset({"portuguese", "italian", "french"}),
)
