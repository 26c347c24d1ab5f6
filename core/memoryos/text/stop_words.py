"""The stop words of the tokenizer, per language.

They do two jobs: they are left out of the terms of a page, and they tell languages apart (a line is
in the language whose stop words it uses most).  Sources: the lists of the Snowball project, with
the question words and auxiliary verbs of each language added, because a question asked of a memory
is made of them.
"""

from __future__ import annotations

_ENGLISH = """
a about above after again against all also am an and any are aren't as at be because been before
being below between both but by can can't cannot could couldn't did didn't do does doesn't doing
don't down during each few for from further get got had hadn't has hasn't have haven't having he
he'd he'll he's her here here's hers herself him himself his how how's i i'd i'll i'm i've if in
into is isn't it it's its itself just let's me more most mustn't my myself no nor not of off on once
only or other ought our ours ourselves out over own same shan't she she'd she'll she's should
shouldn't so some such than that that's the their theirs them themselves then there there's these
they they'd they'll they're they've this those through to too under until up us very was wasn't we
we'd we'll we're we've were weren't what what's when when's where where's which while who who's whom
whose why why's will with won't would wouldn't you you'd you'll you're you've your yours yourself
yourselves
"""
_SPANISH = """
de la que el en y a los del se las por un para con no una su al lo como más mas pero sus le ya o
este sí si porque esta entre cuando muy sin sobre también tambien me hasta hay donde quien desde
todo nos durante todos uno les ni contra otros ese eso ante ellos e esto mí mi antes algunos qué
cuál cual cuáles quién cuándo dónde cómo cuánto cuánta cuántos unos yo otro otras otra él tanto esa
estos mucho quienes nada muchos poco ella estar estas algunas algo nosotros mis tú tu te ti tus
ellas nosotras vosotros os mío mía tuyo tuya suyo suya nuestro nuestra vuestro vuestra esos esas
estoy estás está estamos están esté estaba estaban estuvo he has ha hemos han había habían haya hubo
soy eres es somos son sea era eras eran fui fue fueron ser siendo sido tengo tienes tiene tenemos
tienen tenía tuvo usted ustedes
"""
_FRENCH = """
au aux avec ce ces cette dans de des du elle elles en et eux il ils je la le les leur leurs lui ma
mais me même mes moi mon ne nos notre nous on ou où par pas pour qu que qui quoi quel quelle quels
quelles quand comment pourquoi combien sa se ses son sur ta te tes toi ton tu un une vos votre vous
à y été étée étés étant suis es est sommes êtes sont sera serai serait étais était étions étaient
fut ai as avons avez ont avait avaient aura aurait eu eue ayant ça cela ceci si sans plus très aussi
bien comme alors donc est-ce qu'est-ce
"""
_GERMAN = """
aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei bin bis bist
da damit dann der den des dem die das dass daß du er sie ihn ihm es ein eine einem einen einer eines
einig einige etwas euch euer eure für fuer gegen gewesen hab habe haben hat hatte hatten hier hin
hinter ich mich mir ihr ihre ihrem ihren ihrer im in indem ins ist jede jedem jeden jeder jedes jene
jetzt kann kein keine keinem keinen keiner können könnte machen man manche mein meine meinem meinen
meiner mit muss musste nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen
seiner selbst sich sind so solche soll sollte sondern sonst über um und uns unser unsere unter viel
vom von vor während war waren warst was weg weil weiter welche welchem welchen welcher welches wenn
wer wem wen werde werden wie wieder will wir wird wirst wo woher wohin warum wann wollen wollte
wurde wurden würde zu zum zur zwar zwischen
"""
_PORTUGUESE = """
de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem
à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois
sem mesmo aos ter seus quem nas me esse eles estão você vocês tinha foram essa num nem suas meu às
minha têm numa pelos elas havia seja qual quais será nós tenho lhe deles essas esses pelas este
fosse dele tu te vos lhes meus minhas teu tua teus tuas nosso nossa nossos nossas dela delas esta
estes estas aquele aquela aquilo estou estava estavam estive esteve hei há houve sou somos são
éramos eram fui fomos seria onde porque quanto quantos quê
"""
_ITALIAN = """
ad al allo ai agli all agl alla alle con col coi da dal dallo dai dagli dall dalla dalle di del
dello dei degli dell della delle in nel nello nei negli nell nella nelle su sul sullo sui sugli sull
sulla sulle per tra contro io tu lui lei noi voi loro mio mia miei mie tuo tua tuoi tue suo sua suoi
sue nostro nostra nostri nostre vostro vostra mi ti ci vi lo la li le gli ne il un uno una ma ed se
perché perche anche come dov dove che chi cui non più piu quale quali quanto quanti quanta quando
quello quelli quella quelle questo questi questa queste si tutto tutti a c e i l o ho hai ha abbiamo
avete hanno abbia aveva avevano sono sei è siamo siete sia era erano fu cosa cos'è stato stata sto
stai sta stiamo stanno molto
"""
_RUSSIAN = """
и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее её мне
было вот от меня еще ещё нет о из ему теперь когда даже ну вдруг ли если уже или ни быть был него до
вас нибудь опять уж вам ведь там потом себя ничего ей может они тут где есть надо ней для мы тебя их
чем была сам чтоб без будто чего раз тоже себе под будет ж тогда кто этот того потому этого какой
какая какие какое совсем ним здесь этом один почти мой моя мои моё тем чтобы нее были куда зачем
почему сколько всех можно при два об другой хоть после над больше тот через эти нас про всего них
многих разве эту моей впрочем свою этой перед иногда лучше чуть том нельзя такой им более всегда
конечно всю между это твой твоя твои чей
"""
_DUTCH = """
de en van ik te dat die in een hij het niet zijn is was op aan met als voor had er maar om hem dan
zou of wat mijn men dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft
hebben deze u want nog zal me zij nu ge geen omdat iets worden toch al waren veel meer doen toen
moet ben zonder kan hun dus alles onder ja eens hier wie werd altijd doch wordt wezen kunnen ons
zelf tegen na reeds wil kon niets uw iemand geweest andere waar waarom wanneer welke welk jij jouw
jullie wij we
"""

STOP_WORDS: dict[str, frozenset[str]] = {
    "english": frozenset(_ENGLISH.split()),
    "spanish": frozenset(_SPANISH.split()),
    "french": frozenset(_FRENCH.split()),
    "german": frozenset(_GERMAN.split()),
    "portuguese": frozenset(_PORTUGUESE.split()),
    "italian": frozenset(_ITALIAN.split()),
    "russian": frozenset(_RUSSIAN.split()),
    "dutch": frozenset(_DUTCH.split()),
}
"""Snowball's name of a language -> its stop words, lower-cased."""

CJK_STOP_CHARACTERS: frozenset[str] = frozenset(
    "的了是我你他她它们在吗呢吧啊呀和与也都就不有这那么什谁哪里个一很到说要会着没对吗"
    "はがをにのでともへやかなねよだです"
    "은는이가을를에의도"
)
"""Characters of Chinese, Japanese and Korean that carry grammar; terms made of nothing else are
left out."""
