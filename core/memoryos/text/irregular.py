"""English words whose inflection no stemmer undoes: bought is buy, children are a child.

Snowball strips endings only.  A question asks "What did she buy?" of a page that says "I bought",
so each form is put back to its base before it is stemmed.  Forms that are words of their own more
often than not (found a company, saw, lay, rose) are taken for the verb all the same where the verb
is the commoner use, and left alone where it is not.
"""

from __future__ import annotations

_FORMS = """
go goes went gone; buy bought; take took taken; give gave given; make made; get got gotten;
see saw seen; come came; know knew known; think thought; tell told; say said; find found;
leave left; feel felt; bring brought; begin began begun; keep kept; hold held;
write wrote written; stand stood; hear heard; mean meant; meet met; run ran; pay paid; sit sat;
speak spoke spoken; lead led; grow grew grown; lose lost; fall fell fallen; send sent;
build built; understand understood; draw drew drawn; break broke broken; spend spent;
drive drove driven; wear wore worn; choose chose chosen; win won; teach taught; catch caught;
eat ate eaten; sleep slept; sing sang sung; swim swam swum; throw threw thrown; fly flew flown;
drink drank drunk; ride rode ridden; sell sold; fight fought; forget forgot forgotten;
hide hid hidden; become became; show shown; wake woke woken; steal stole stolen;
shake shook shaken; tear tore torn; seek sought; shoot shot; stick stuck; feed fed; bend bent;
bite bit bitten; blow blew blown; deal dealt; dig dug; freeze froze frozen; hang hung; lend lent;
light lit; ring rang rung; sink sank sunk; strike struck; sweep swept; swing swung; weep wept;
forgive forgave forgiven; bleed bled; breed bred; cling clung; creep crept; flee fled;
kneel knelt; swear swore sworn; withdraw withdrew withdrawn; overcome overcame; rebuild rebuilt;
child children; man men; woman women; person people; foot feet; tooth teeth; mouse mice
"""

ENGLISH_BASES: dict[str, str] = {
    form: base for base, *forms in (entry.split() for entry in _FORMS.split(";")) for form in forms
}
"""Inflected form -> base, lower-cased."""
