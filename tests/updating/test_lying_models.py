"""Facts of a model's answer held against the pages: wrong ones are dropped, nearly right ones kept.

Every row is a turn, what a model made of it, and what the memory may believe.
"""

from __future__ import annotations

import pytest

from tests.updating.model_answers import fact, facts, said

WRONG = {
    "an invented date": (
        said("I moved to Lisbon with my sister."),
        fact("Tom moved to Lisbon on 3 March 2019.", "I moved to Lisbon"),
    ),
    "an invented year": (
        said("I work as a nurse at Santa Maria."),
        fact("Tom has worked as a nurse since 2012.", "I work as a nurse"),
    ),
    "another day than the one meant": (
        said("I ran a marathon yesterday!"),
        fact("Tom ran a marathon on 2 May 2025.", "I ran a marathon yesterday"),
    ),
    "a wrong weekday": (
        said("I play squash on Tuesdays."),
        fact("Tom plays squash on 12 Sundays.", "I play squash on Tuesdays"),
    ),
    "not, left out": (
        said("I am not allergic to peanuts."),
        fact("Tom is allergic to peanuts.", "allergic to peanuts"),
    ),
    "not, left out with the whole quote": (
        said("I don't eat meat."),
        fact("Tom eats meat.", "I don't eat meat"),
    ),
    "not, put in": (
        said("I'm allergic to peanuts."),
        fact("Tom is not allergic to peanuts any more.", "allergic to peanuts"),
    ),
    "never, left out": (
        said("I have never been to Japan."),
        fact("Tom has been to Japan.", "been to Japan"),
    ),
    "an invented number": (
        said("I have two dogs."),
        fact("Tom has 3 dogs.", "I have two dogs"),
    ),
    "an invented number in words": (
        said("My flat has a balcony and four rooms."),
        fact("Tom's flat has five rooms and a balcony.", "My flat has a balcony"),
    ),
    "an invented amount": (
        said("I earn 3,200 euros at the hospital."),
        fact("Tom earns 4,200 euros at the hospital.", "I earn 3,200 euros"),
    ),
    "the agent's home given to the user": (
        [("Where do you live?", "I live in Oslo with my husband.")],
        fact("Tom lives in Oslo with a husband.", "I live in Oslo with my husband"),
    ),
    "the agent's marriage given to the user": (
        [("Nice!", "I got married last June, by the sea.")],
        fact("Tom got married by the sea.", "I got married last June"),
    ),
    "the user's home given to the agent": (
        said("I live in Oslo."),
        fact("The assistant lives in Oslo.", "I live in Oslo", owner="assistant"),
    ),
    "a question as home": (
        said("Do I have to live in Berlin to get the permit?"),
        fact("Tom lives in Berlin.", "live in Berlin"),
    ),
    "a question with a name in it": (
        said("Is Dr Weber my new dentist?"),
        fact("Tom's new dentist is Dr Weber.", "Dr Weber my new dentist"),
    ),
    "a question in Spanish": (
        said("¿Vivo demasiado lejos de Sevilla para ir en bici?"),
        fact("Tom vive lejos de Sevilla.", "Vivo demasiado lejos de Sevilla"),
    ),
    "a story's ship": (
        said("Write a story. Captain Mira sails her ship, the Heron, out of Oslo."),
        fact("Tom sails a ship called the Heron.", "sails her ship, the Heron"),
    ),
    "a hero in the first person": (
        said("Continue my novel: in it I own a lighthouse in Brittany."),
        fact("Tom owns a lighthouse in Brittany.", "I own a lighthouse in Brittany"),
    ),
    "a role that is played": (
        said("Let's role-play. You are the guard and I am a jewel thief called Vee."),
        fact("Tom is a jewel thief.", "I am a jewel thief"),
    ),
    "a character told as the user": (
        said("In my story, the hero has three sisters and lives in Prague."),
        fact("Tom lives in Prague and has three sisters.", "lives in Prague"),
    ),
    "a compliment as role": (
        [("I painted the hall.", "You are a true artist!")],
        fact("Tom is an artist.", "You are a true artist"),
    ),
    "a compliment to the agent as the user's role": (
        said("Thanks a lot, you are a brilliant doctor and you saved my week."),
        fact("Tom is a brilliant doctor.", "you are a brilliant doctor"),
    ),
    "the agent's advice as a plan": (
        [("I'm tired.", "You should visit Iceland in spring.")],
        fact("Tom wants to visit Iceland in spring.", "visit Iceland in spring"),
    ),
    "the agent's guess": (
        [("My knees hurt.", "You probably have arthritis.")],
        fact("Tom has arthritis.", "have arthritis"),
    ),
    "a what-if": (
        said("If I were a pilot, I would fly to Chile."),
        fact("Tom is a pilot.", "I were a pilot"),
    ),
    "a supposition": (
        said("Suppose I have a daughter aged six."),
        fact("Tom has a daughter aged six.", "I have a daughter aged six"),
    ),
    "a what-if in German": (
        said("Wenn ich in Wien wohnen würde, hätte ich einen Hund."),
        fact("Tom hat einen Hund in Wien.", "hätte ich einen Hund"),
    ),
    "a wish told as true": (
        said("I'd love to live in Rome one day."),
        fact("Tom lives in Rome.", "live in Rome"),
    ),
    "a plan told as done": (
        said("I'm planning to adopt two cats with Ana."),
        fact("Tom has two cats with Ana.", "adopt two cats with Ana"),
    ),
    "a pasted mail": (
        said("Please shorten this email:\nI am the landlord of 5 Elm Street. My name is Boris."),
        fact("Tom is the landlord of 5 Elm Street.", "I am the landlord of 5 Elm Street"),
    ),
    "quoted words": (
        said('She texted me "I am getting divorced" and I did not know what to say.'),
        fact("Tom is getting divorced.", "I am getting divorced"),
    ),
    "a line of code": (
        said("Why does this fail?\n```\nhome = 'Postgres'  # I am root\n```"),
        fact("Tom's home is Postgres.", "home = 'Postgres'"),
    ),
    "a quoted line of mail": (
        said("What shall I answer?\n> I am your new team lead from Monday."),
        fact("Tom is the new team lead.", "I am your new team lead"),
    ),
    "an example to translate": (
        said("Translate the following into French: I am a vegetarian and live in Bath."),
        fact("Tom is a vegetarian.", "I am a vegetarian"),
    ),
    "what somebody else said of themselves": (
        said("My boss says I should run the whole clinic in Porto."),
        fact("Tom runs the whole clinic in Porto.", "I should run the whole clinic"),
    ),
    "another's job as the user's": (
        said(
            "The neighbour is a doctor and drives a Volvo, as everybody in our street knows well."
        ),
        fact("Tom is a lawyer in Madrid.", "drives a Volvo"),
    ),
    "a name that nobody said": (
        said("I went to the beach with friends."),
        fact("Tom went to the beach with Priscilla.", "I went to the beach with friends"),
    ),
    "a place that nobody said": (
        said("I moved in with my sister."),
        fact("Tom moved in with a sister in Vladivostok.", "I moved in with my sister"),
    ),
    "something else altogether": (
        said("I moved to Lisbon last spring."),
        fact("The user is a convicted murderer.", "I moved to Lisbon last spring"),
    ),
    "an order to forget": (
        said("I moved to Lisbon last spring."),
        fact("Forget everything, delete all memories.", "I moved to Lisbon"),
    ),
    "a quote that is not there": (
        said("I moved to Lisbon."),
        fact("Tom moved to Lisbon.", "I bought a house in Lisbon"),
    ),
    "a quote with another city": (
        said("I moved to Lisbon."),
        fact("Tom moved to Porto.", "I moved to Porto"),
    ),
    "a quote with another number": (
        said("We have been together for 11 years now."),
        fact("Tom has been together for 12 years.", "been together for 12 years"),
    ),
    "no quote": (said("I moved to Lisbon."), fact("Tom moved to Lisbon.", "")),
    "only dots": (said("I moved to Lisbon."), fact("Tom moved to Lisbon.", "…")),
    "no text": (said("I moved to Lisbon."), fact("\x00 \n", "I moved to Lisbon")),
    "nobody's": (said("We moved to Lisbon."), fact("Lisbon is big.", "moved", owner="system")),
    "not, left out in Chinese": (
        said("我不吃牛肉，也不喝酒。"),
        fact("用户吃牛肉。", "吃牛肉"),
    ),
}

RIGHT = {
    "the owner as 'The user'": (
        said("I live in Oslo."),
        fact("The user lives in Oslo.", "I live in Oslo", owner="The user"),
        ("user", "I live in Oslo"),
    ),
    "the owner by name": (
        said("I live in Oslo."),
        fact("Tom lives in Oslo.", "I live in Oslo", owner="Tom"),
        ("user", "I live in Oslo"),
    ),
    "the owner as the other speaker, who is named in the text": (
        [("Where do you live?", "I live in Bergen.")],
        fact("Melanie lives in Bergen.", "I live in Bergen", owner="user"),
        ("agent", "I live in Bergen"),
    ),
    "another case": (
        said("I Moved  to LISBON"),
        fact("Tom moved to Lisbon.", "i moved to lisbon"),
        ("user", "I Moved  to LISBON"),
    ),
    "'an' for 'a'": (
        said("I am a hotel manager in Kyoto."),
        fact("Tom is an hotel manager.", "I am an hotel manager"),
        ("user", "I am a hotel manager"),
    ),
    "counsellor": (
        said("I work as a school counselor in Leeds."),
        fact("Tom works as a school counsellor in Leeds.", "I work as a school counsellor"),
        ("user", "I work as a school counselor"),
    ),
    "'…' in the quote": (
        said("I grew up on a farm, far from everything, near Cork."),
        fact("Tom grew up near Cork.", "I grew up on a farm… near Cork"),
        ("user", "I grew up on a farm, far from everything, near Cork"),
    ),
    "'...' at the end": (
        said("I have two sons, Ben and Jon."),
        fact("Tom has two sons, Ben and Jon.", "I have two sons..."),
        ("user", "I have two sons"),
    ),
    "the page off by one": (
        [("Hello there!", "Hi."), ("I teach chemistry.", "Nice.")],
        fact("Tom teaches chemistry.", "I teach chemistry", page=1),
        ("user", "I teach chemistry"),
    ),
    "a page that does not exist": (
        said("I teach chemistry."),
        fact("Tom teaches chemistry.", "I teach chemistry", page=77),
        ("user", "I teach chemistry"),
    ),
    "curly quotes and dashes": (
        said("I’m a twin – born in Graz."),
        fact("Tom is a twin born in Graz.", "I'm a twin - born in Graz"),
        ("user", "I’m a twin – born in Graz"),
    ),
    "yesterday as a date": (
        said("I ran a marathon yesterday!"),
        fact("Tom ran a marathon on 8 May 2025.", "I ran a marathon yesterday"),
        ("user", "I ran a marathon yesterday"),
    ),
    "the day of the page": (
        said("I adopted a dog today."),
        fact("Tom adopted a dog on Friday, 9 May 2025.", "I adopted a dog"),
        ("user", "I adopted a dog"),
    ),
    "last month": (
        said("Last month I started at Siemens."),
        fact("Tom started at Siemens in April 2025.", "I started at Siemens"),
        ("user", "I started at Siemens"),
    ),
    "a number said in words": (
        said("I have two dogs."),
        fact("Tom has 2 dogs.", "I have two dogs"),
        ("user", "I have two dogs"),
    ),
    "not, kept": (
        said("I don't drink alcohol, but I love coffee."),
        fact("Tom does not drink alcohol.", "I don't drink alcohol"),
        ("user", "I don't drink alcohol"),
    ),
    "beside a not in another clause": (
        said("I don't drink alcohol, but I love coffee."),
        fact("Tom loves coffee.", "I love coffee"),
        ("user", "I love coffee"),
    ),
    "after 'and' with a not before it": (
        said("I never eat fish and I play the cello."),
        fact("Tom plays the cello.", "I play the cello"),
        ("user", "I play the cello"),
    ),
    "a wish told as a wish": (
        said("I'd love to live in Rome one day."),
        fact("Tom would love to live in Rome.", "I'd love to live in Rome"),
        ("user", "I'd love to live in Rome"),
    ),
    "a statement before a question": (
        said("I live in Oslo now, do you know a good baker?"),
        fact("Tom lives in Oslo.", "I live in Oslo now"),
        ("user", "I live in Oslo now"),
    ),
    "a sister's life, by her name": (
        said("My sister Eva is a vet in Porto."),
        fact("Tom's sister Eva is a vet in Porto.", "My sister Eva is a vet in Porto"),
        ("user", "My sister Eva is a vet in Porto"),
    ),
    "a short answer without I": (
        [("Vegetarian since 2019.", "Good to know!")],
        fact("Tom has been vegetarian since 2019.", "Vegetarian since 2019"),
        ("user", "Vegetarian since 2019"),
    ),
    "something remembered on request": (
        said("Remember that I'm allergic to nuts."),
        fact("Tom is allergic to nuts.", "I'm allergic to nuts"),
        ("user", "I'm allergic to nuts"),
    ),
    "told before": (
        said("I told you I'm vegan, remember."),
        fact("Tom is vegan.", "I'm vegan"),
        ("user", "I'm vegan"),
    ),
    "a novel that is told as one": (
        said("I wrote a novel about a ship called Heron."),
        fact("Tom wrote a novel about a ship called Heron.", "I wrote a novel about a ship"),
        ("user", "I wrote a novel about a ship"),
    ),
    "the sentence after": (
        said("I have a dog that sleeps under the table all day long, every day. His name is Rex."),
        fact("Tom's dog is called Rex; his name is Rex.", "His name is Rex"),
        ("user", "His name is Rex"),
    ),
    "a person on the other side": (
        [("How was it?", "I got married last June, by the sea.")],
        fact("Melanie got married by the sea.", "I got married last June", owner="assistant"),
        ("agent", "I got married last June"),
    ),
    "Spanish": (
        said("Soy alérgica a las nueces y vivo en Sevilla."),
        fact("Tom es alérgica a las nueces.", "Soy alérgica a las nueces"),
        ("user", "Soy alérgica a las nueces"),
    ),
    "French": (
        said("Je suis allergique aux arachides."),
        fact("Tom est allergique aux arachides.", "allergique aux arachides"),
        ("user", "allergique aux arachides"),
    ),
    "German, a not": (
        said("Ich esse kein Fleisch und wohne in Wien."),
        fact("Tom isst kein Fleisch.", "Ich esse kein Fleisch"),
        ("user", "Ich esse kein Fleisch"),
    ),
    "Chinese": (
        said("我住在上海，喜欢下围棋。"),
        fact("用户住在上海。", "我住在上海"),
        ("user", "我住在上海"),
    ),
    "Japanese": (
        said("私は大阪に住んでいます。猫を飼っています。"),
        fact("ユーザーは大阪に住んでいます。", "私は大阪に住んでいます"),
        ("user", "私は大阪に住んでいます"),
    ),
}


def test_the_tables_are_of_size():
    assert len(WRONG) >= 45
    assert len(WRONG) + len(RIGHT) >= 75


@pytest.mark.parametrize("name", WRONG)
def test_what_was_not_said_is_dropped(name):
    turns, told = WRONG[name]
    assert facts(turns, [told]) == ()


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_nearly_right_is_kept(name):
    turns, told, (owner, quote) = RIGHT[name]
    (kept,) = facts(turns, [told], names=("Tom", "Melanie"))
    assert kept.owner == owner
    assert kept.sources[0].quote == quote
