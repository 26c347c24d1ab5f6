"""English as the rules know it."""

from __future__ import annotations

import re

from memoryos.updating.analysts.patterns import patterns_en as patterns
from memoryos.updating.analysts.patterns.lexicon import UPPER, Lexicon
from memoryos.updating.analysts.patterns.words_en import VAGUE

ENGLISH = Lexicon(
    code="en",
    user="User",
    agent="Assistant",
    cue=re.compile(r"\b(?:i|my|we|our|im|calls? me)\b"),
    clause=re.compile(
        r"[,;–—…)]+\s*|\s-\s|\s(?:and|but|so|because|cause|since|plus|though|although|while)\s",
        re.IGNORECASE,
    ),
    opener=re.compile(
        r"(?:(?:well|hi|hey|hello|yes|yeah|yep|yup|nope|no|nah|oh|ok|okay|so|and|but|also|plus"
        r"|actually|honestly|currently|now|right now|these days|anyway|wow|sure|thanks|thank you"
        r"|haha|personally|in fact|besides|as you know|you know|by the way|btw|remember that"
        r"|remember|please remember that|please remember|note that|fyi|just so you know|for work"
        r"|cool|great|nice|ah|aw|yay|of course|definitely|absolutely|in my free time"
        r"|in my spare time|because|since)\b[\s,!.…-]*){0,4}",
        re.IGNORECASE,
    ),
    lead=re.compile(
        r"(?:I\b|my\b|we\b|our\b|im\b|(?:you can |please |just |people |friends |everyone )?calls?"
        r" me)",
        re.IGNORECASE,
    ),
    unreal=re.compile(
        r"\b(?:if|unless|wish|wished|imagine|suppose|supposing|pretend|pretended|hypothetically"
        r"|said|says|saying|told|tells|asked|asks|claims|claimed|thinks|believes|quote|quotes"
        r"|used to|according to|as though|as if|story|lyrics|song goes|wrote|dreamed|dreamt"
        r"|jk|lol|lmao|sarcasm|in (?:my|a|the|this) (?:wildest )?(?:dreams?|story|novel|game|movie"
        r"|film|play)|(?:he|she|they|who|it|was|were)(?:'s| is| was|'re| were)? (?:like|goes),"
        r"|in (?:another|a past) life|when I was|back when|back then|no more|not!|would be)(?!\w)",
        re.IGNORECASE,
    ),
    unserious=re.compile(
        r"\b(?:just kidding|kidding|joking|j/k|only a joke|just a joke|not really true"
        r"|translate|rewrite|rephrase|paraphrase|proofread|summari[sz]e (?:this|the following)"
        r"|correct (?:this|the following)|role-?play|act as|pretend (?:to|that|you|I)"
        r"|let's (?:pretend|say|imagine)|you are now|write (?:me )?(?:a|an|the|my|this) [\w"
        r" ]{0,20}?"
        r"(?:story|poem|song|essay|letter|email|monologue|dialogue|speech|bio|script|post|review)"
        r"|for example, a user|hypothetical)\b",
        re.IGNORECASE,
    ),
    tail=re.compile(
        r"[\s,.;–—-]*(?:(?:and |so )?(?:what|how) about (?:you|yours|u)\b[^?]{0,40}"
        r"|and (?:you|yours)|you|wbu|hbu)\s*\?+\s*$",
        re.IGNORECASE,
    ),
    intro=re.compile(
        r"\s*(?i:hi|hello|hey|good (?:morning|afternoon|evening)|greetings)\b(?:[^.!?\n,]{0,20})"
        rf"[.!,]*\s+(?:[^\w\s]\s*)?(?i:I'm|I am|this is|my name is) "
        rf"(?P<value>[{UPPER}][a-zß-ÿ]\w*(?: (?!I\b)[{UPPER}][\w'-]*\w)?)"
        r"(?=\s*(?:[.,!;]|$|(?i:and|from|here|but)\b))"
    ),
    intro_text="{who} is called {value}",
    patterns=patterns.PERSON,
    agent_patterns=patterns.AGENT,
    vague=VAGUE,
    trim=re.compile(
        r"(?: (?:so much|a lot|very much|too|as well|though|really|these days|now|myself|right now"
        r"|any ?more|at the moment|lately|currently|again|for now|either|haha|most|best|more"
        r"|already|already now|the most|today|nowadays|in general|and more|especially|and all"
        r"|and stuff|sometimes|itself))+$",
        re.IGNORECASE,
    ),
    joint=re.compile(r"\s*,\s*(?:and|or)?\s*|\s+(?:and|or)\s+", re.IGNORECASE),
    normal=re.compile(
        r"(?:the|a|an|to|my|playing|play|eating|eat|drinking|drink|watching|watch|listening to"
        r"|listen to|practicing|practising) ",
        re.IGNORECASE,
    ),
    negative=re.compile(
        r"\b(?:dislikes?|hates?|no longer|not|doesn't|detests?|stopped|never)\b", re.IGNORECASE
    ),
)
