"""English word tables: what a value's head must be for a pattern to believe it."""

from __future__ import annotations

from memoryos.updating.analysts.patterns.lexicon import entries_of, words_of

OCCUPATIONS = words_of("""
accountant actor actress actuary administrator advisor adviser agent analyst anesthesiologist
animator archaeologist architect archivist artist assistant astronaut astronomer athlete attorney
auditor author baker banker barber barista bartender biochemist biologist blogger bookkeeper
botanist broker builder butcher captain cardiologist caregiver caretaker carpenter cashier chef
chemist chiropractor choreographer cleaner clerk coach composer concierge conductor consultant
contractor cook coordinator copywriter counselor counsellor courier curator dancer dentist
dermatologist designer detective developer dietitian dietician director diver doctor driver
ecologist economist editor educator electrician engineer entrepreneur epidemiologist farmer
filmmaker firefighter fisherman florist founder freelancer gardener geneticist geographer geologist
goldsmith guard guide hairdresser handyman historian housekeeper illustrator influencer inspector
instructor interpreter investigator investor janitor jeweler journalist judge laborer landlord
landscaper lawyer lecturer librarian lifeguard linguist locksmith machinist magician maid mailman
manager marketer mason mathematician mechanic mediator meteorologist microbiologist midwife miner
minister model musician nanny neurologist neuroscientist notary novelist nurse nutritionist
oceanographer officer oncologist operator optician optometrist painter paralegal paramedic pastor
pathologist pediatrician pharmacist philosopher photographer physician physicist physiotherapist
pianist pilot planner plumber poet policeman policewoman politician porter postdoc potter president
priest principal producer professor programmer promoter prosecutor psychiatrist psychologist
psychotherapist publicist publisher radiologist ranger realtor receptionist recruiter reporter
representative researcher roofer sailor salesman salesperson saleswoman scientist sculptor
seamstress secretary singer sociologist soldier solicitor sommelier specialist statistician
stockbroker streamer stylist supervisor surgeon surveyor tailor teacher technician technologist
teller therapist trader trainer translator treasurer tutor undertaker vet veterinarian violinist
waiter waitress warden webmaster welder woodworker writer youtuber zoologist dev sysadmin intern
apprentice postman bricklayer beekeeper cellist guitarist drummer goalkeeper boxer
""")
"""Last words of what people are by trade."""

NOT_A_TRADE = words_of("""
good great bad terrible awful big huge better best worst natural born real true such not bit little
decent lousy horrible excellent amazing pretty very aspiring future wannabe amateur hobby former ex
part-time-ish would-be backseat armchair fan lover former previous failed home night-owl fast slow
careful nervous crazy mean wonderful fantastic awesome lucky proud happy busy designated control
guilty free careless unlucky passenger frustrated closet wonderfully lifelong cheap fake pretend
""")
"""Words before a trade that make it a habit, an opinion or the past ("a terrible driver")."""

STUDIES = words_of("""
accounting acting aerospace agriculture agronomy ai analytics anatomy animation anthropology
archaeology architecture art arts astronomy astrophysics biochemistry bioinformatics biology
biotechnology botany business chemistry cinematography cinema communication communications computing
counseling criminology cybersecurity dance dentistry design drama ecology economics education
electronics engineering english entrepreneurship fashion film finance forestry genetics geography
geology gastronomy history hospitality humanities informatics it journalism law linguistics
literature logistics management marketing mathematics maths math mechatronics medicine meteorology
microbiology music neuroscience nursing nutrition oceanography optometry painting pedagogy pharmacy
philosophy photography physics physiology physiotherapy politics programming psychiatry psychology
robotics science sciences sculpture sociology statistics studies teaching technology theatre theater
theology tourism translation veterinary zoology work administration relations health
""")
"""Last words of subjects of study."""

FIELDS = words_of("""
academia accounting advertising aerospace agriculture architecture aviation banking biotech
construction consulting cybersecurity education energy engineering entertainment fashion film
finance government healthcare hospitality insurance it journalism law logistics manufacturing
marketing media medicine nursing pharma politics publishing research retail robotics sales security
software tech technology telecom tourism transportation
""")
"""What people work in."""

WORKPLACES = words_of("""
agency airline airport bakery bank bar bookshop bookstore brewery cafe café call-center clinic
college company consultancy daycare factory farm firm foundation gallery garage garden gym hospital
hostel hotel kindergarten lab laboratory library magazine museum newspaper nonprofit office pharmacy
preschool restaurant salon school shelter shop startup store studio supermarket theater theatre
university warehouse winery zoo center centre
""")

BUSINESSES = words_of("""
agency bakery bar bookshop bookstore boutique brewery business cafe café clinic company consultancy
factory farm firm gallery garage gym hostel hotel magazine nonprofit pharmacy podcast ranch
restaurant salon shop startup store studio vineyard winery workshop blog channel
""")

POSSESSIONS = words_of("""
bike bicycle boat cabin camera car condo cottage drone drum drums farm garden greenhouse guitar
house kayak keyboard laptop motorbike motorcycle piano printer rv sailboat saxophone scooter
skateboard snowboard surfboard synthesizer tablet telescope tesla tractor truck ukulele van vespa
violin yacht cello flute apartment jeep
""")

PLAYED = words_of("""
accordion badminton banjo baseball basketball bass bridge cello checkers chess clarinet cricket
drums football flute futsal golf guitar handball harmonica harp hockey keyboard lacrosse mandolin
minecraft oboe padel paintball piano pickleball poker polo rugby saxophone snooker soccer softball
squash tennis trombone trumpet tuba ukulele viola violin volleyball videogames
""")

LANGUAGES = words_of("""
Afrikaans Albanian Amharic Arabic Armenian Basque Bengali Bulgarian Burmese Cantonese Catalan
Croatian Czech Danish Dutch English Estonian Farsi Filipino Finnish French Galician Georgian German
Greek Gujarati Hebrew Hindi Hungarian Icelandic Indonesian Irish Italian Japanese Kannada Khmer
Korean Kurdish Lao Latin Latvian Lithuanian Malay Malayalam Mandarin Chinese Marathi Mongolian
Nepali Norwegian Pashto Persian Polish Portuguese Punjabi Quechua Romanian Russian Serbian Sinhala
Slovak Slovenian Somali Spanish Swahili Swedish Tagalog Tamil Telugu Thai Tibetan Turkish Ukrainian
Urdu Uzbek Vietnamese Welsh Yoruba Zulu
""")

NATIONALITIES = words_of("""
Afghan Albanian Algerian American Argentine Argentinian Armenian Australian Austrian Bangladeshi
Belgian Bolivian Bosnian Brazilian British Bulgarian Cambodian Cameroonian Canadian Chilean Chinese
Colombian Croatian Cuban Czech Danish Dominican Dutch Ecuadorian Egyptian Emirati English Estonian
Ethiopian Filipino Finnish French Georgian German Ghanaian Greek Guatemalan Haitian Honduran
Hungarian Icelandic Indian Indonesian Iranian Iraqi Irish Israeli Italian Ivorian Jamaican Japanese
Jordanian Kazakh Kenyan Korean Kuwaiti Laotian Latvian Lebanese Libyan Lithuanian Malaysian Mexican
Moldovan Mongolian Moroccan Nepalese Nicaraguan Nigerian Norwegian Pakistani Palestinian Panamanian
Paraguayan Peruvian Polish Portuguese Romanian Russian Salvadoran Saudi Scottish Senegalese Serbian
Singaporean Slovak Slovenian Somali Spanish Sudanese Swedish Swiss Syrian Taiwanese Thai Tunisian
Turkish Ugandan Ukrainian Uruguayan Uzbek Venezuelan Vietnamese Welsh Zambian Zimbabwean
""")

REGIONS = entries_of("""
Alabama, Alaska, Arizona, Arkansas, California, Colorado, Connecticut, Delaware, Florida, Georgia,
Hawaii, Idaho, Illinois, Indiana, Iowa, Kansas, Kentucky, Louisiana, Maine, Maryland, Massachusetts,
Michigan, Minnesota, Mississippi, Missouri, Montana, Nebraska, Nevada, New Hampshire, New Jersey,
New Mexico, New York, North Carolina, North Dakota, Ohio, Oklahoma, Oregon, Pennsylvania,
Rhode Island, South Carolina, South Dakota, Tennessee, Texas, Utah, Vermont, Virginia, Washington,
West Virginia, Wisconsin, Wyoming, CA, NY, TX, FL, WA, OR, MA, IL, CO, AZ, NC, PA, GA, NJ, DC,
Argentina, Australia, Austria, Bangladesh, Belgium, Bolivia, Brazil, Bulgaria, Canada, Chile, China,
Colombia, Costa Rica, Croatia, Cuba, Czechia, Denmark, Ecuador, Egypt, England, Estonia, Ethiopia,
Finland, France, Germany, Ghana, Greece, Guatemala, Hungary, Iceland, India, Indonesia, Iran, Iraq,
Ireland, Israel, Italy, Jamaica, Japan, Kenya, Korea, Lebanon, Malaysia, Mexico, Morocco, Nepal,
Netherlands, New Zealand, Nigeria, Norway, Ontario, Pakistan, Panama, Peru, Philippines, Poland,
Portugal, Quebec, Romania, Russia, Scotland, Serbia, Singapore, Slovakia, Slovenia, South Africa,
South Korea, Spain, Sweden, Switzerland, Taiwan, Thailand, Turkey, UAE, UK, USA, US, Ukraine,
Uruguay, Venezuela, Vietnam, Wales
""")
"""What may follow a town and a comma; other words there are as likely a name being addressed."""

NOT_NAMES = (
    NATIONALITIES
    | LANGUAGES
    | words_of("""
Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July
August September October November December Christmas Easter Halloween Thanksgiving Christian Jewish
Muslim Catholic Buddhist Hindu Protestant Atheist Mormon Sikh Orthodox Happy Sorry Fine Good Great
Glad Not Here There Back Also And But So The Just Very Really Now Still From In At On Ok OK Okay Yes
No Sure Ready Done Tired Sick Busy Curious Interested Looking Trying Going Thinking Working Living
Excited Proud Grateful Thankful Lucky Thrilled Happy Sad Mad Angry Afraid Sure Certain Aware
Democrat Republican Gay Trans Black White Latino Latina Hispanic Asian European African Libra Leo
Virgo Aries Taurus Gemini Cancer Scorpio Sagittarius Capricorn Aquarius Pisces Batman
This That These Those It He She They We You Who What When Where Why
How Because If Or With For To Of My Your His Her Our Their Everyone All Guys Both Whenever God Lord
Legally Currently Originally Actually Pretty Quite Too Thanks Thank Please
""")
)
"""Capitalised words that are no person's or place's name."""

VAGUE = words_of("""
it its it's this that these those they them their theirs he him his she her hers you your yours
you're me my mine myself our ours us we i i'm i've i'd one ones thing things something anything
everything nothing stuff idea ideas part parts bit way ways what whatever which who whom whose how
when where why if all both some any each either same such so too not no none never being seeing
hearing having getting there here to be then than else other another more most less least much many
few lot lots kind sort type ton bunch point fact sound look looks feel feeling sentiment quote story
stories together again back everyone everybody someone somebody anyone anybody nobody people's yet
ever photo pic picture today yesterday tonight tomorrow it'll that's there's let's sure okay ok wow
today's knowing fun next last soon upcoming their's particular
""")
"""Words with which a value means nothing outside its conversation."""
