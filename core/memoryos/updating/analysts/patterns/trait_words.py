"""The words in which traits show: topics that people keep coming back to, and plain statements."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from memoryos.updating.analysts.patterns.lexicon import words_of

TOPIC_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "Science Interest": words_of("""
        physics physicist chemistry biology astronomy astrophysics quantum molecule molecules
        telescope experiment experiments scientist scientific neuroscience genetics particle
        particles galaxy galaxies física química biología astronomía telescopio experimento
        experimentos científico"""),
    "Tech Interest": words_of("""
        programming software coding python javascript algorithm algorithms linux app apps
        robotics gadget gadgets startup gpu database api programación algoritmo algoritmos
        tecnología"""),
    "Music Interest": words_of("""
        music song songs guitar piano violin concert concerts album albums band orchestra melody
        choir música canción canciones guitarra concierto conciertos orquesta"""),
    "Art Interest": words_of("""
        painting paintings paint painted sculpture watercolor gallery artwork drawing canvas
        pottery ceramics pintura pinturas acuarela escultura dibujo cerámica galería"""),
    "Literature Interest": words_of("""
        novel novels poetry poem poems author authors fiction literature bookshop novela novelas
        poesía literatura lectura"""),
    "Film Interest": words_of("""
        movie movies film films cinema director screenplay documentary película películas cine"""),
    "Food Interest": words_of("""
        cooking recipe recipes baking bake baked dish dishes cuisine ingredients cocinar receta
        recetas cocina hornear ingredientes"""),
    "Travel Interest": words_of("""
        travel traveling travelling trip trips backpacking itinerary flight flights hostel
        abroad viaje viajes viajar vuelo vuelos itinerario"""),
    "Sports Interest": words_of("""
        soccer football basketball tennis volleyball hockey baseball tournament marathon match
        fútbol baloncesto tenis torneo maratón partido"""),
    "Fitness Interest": words_of("""
        gym workout workouts yoga pilates crossfit weightlifting jogging gimnasio entrenamiento"""),
    "Gaming Interest": words_of("""
        videogame videogames gaming gamer playstation xbox nintendo console rpg minecraft
        videojuego videojuegos consola"""),
    "Animal Concern": words_of("""
        dog dogs puppy puppies cat cats kitten kittens pet pets shelter vet perro perros gato
        gatos mascota mascotas veterinario"""),
    "Outdoor Interest": words_of("""
        hiking hike hikes camping campfire trail trails mountains kayaking climbing senderismo
        acampar montaña montañas"""),
    "Gardening Interest": words_of("""
        garden gardening seedlings compost tomatoes roses pruning jardín jardinería huerto"""),
    "Photography Interest": words_of("""
        photography photographer lens camera cameras fotografía cámara"""),
    "Dance Interest": words_of("""
        dance dancing dancer ballet choreography salsa tango baile bailar coreografía"""),
    "Fashion Interest": words_of("""
        fashion outfit outfits clothing designer wardrobe moda ropa vestido vestidos"""),
    "Financial Management Interest": words_of("""
        budget budgeting savings investing investment investments mortgage stocks portfolio
        presupuesto ahorros inversión inversiones hipoteca"""),
    "Environmental Concern": words_of("""
        climate recycling sustainability sustainable emissions pollution biodiversity clima
        reciclaje sostenibilidad sostenible contaminación"""),
    "Political Concern": words_of("""
        election elections politics political campaign policy senator congress elecciones
        política político campaña congreso"""),
    "Religious Interest": words_of("""
        church prayer prayers pray bible faith mosque temple worship iglesia oración biblia fe"""),
    "Psychology Interest": words_of("""
        psychology therapy therapist counseling cognitive mindfulness psicología terapia
        terapeuta"""),
    "Education Interest": words_of("""
        school teaching classroom curriculum homework exam exams university lecture escuela
        universidad examen exámenes clase clases"""),
    "Health Concern": words_of("""
        doctor diet nutrition sleep symptoms medication checkup healthy dieta nutrición síntomas
        médico salud"""),
    "History Interest": words_of("""
        history historical ancient medieval empire century archaeology historia histórico
        imperio"""),
    "Language Learning Interest": words_of("""
        vocabulary grammar pronunciation conjugation fluent vocabulario gramática pronunciación"""),
    "Mathematics Interest": words_of("""
        mathematics calculus algebra geometry theorem theorems matemáticas álgebra teorema"""),
    "Volunteering Interest": words_of("""
        volunteer volunteering volunteered charity fundraiser voluntariado voluntario"""),
    "Automotive Interest": words_of("""
        engine carburetor horsepower restoring sedan motor cilindros"""),
}
"""Interest -> words of its topic, lower-cased. Words of everyday talk are none of them."""

CHINESE_TOPICS: Final[Mapping[str, re.Pattern[str]]] = {
    "Science Interest": re.compile("物理|化学|天文|量子|望远镜|实验|科学"),
    "Tech Interest": re.compile("编程|软件|算法|代码|程序|科技"),
    "Music Interest": re.compile("音乐|歌曲|钢琴|吉他|演唱会|乐队"),
    "Art Interest": re.compile("绘画|画画|油画|水彩|雕塑|美术"),
    "Literature Interest": re.compile("小说|诗歌|文学|读书"),
    "Film Interest": re.compile("电影|影片|导演"),
    "Food Interest": re.compile("做饭|菜谱|烹饪|烘焙|美食"),
    "Travel Interest": re.compile("旅行|旅游|机票|出国"),
    "Sports Interest": re.compile("足球|篮球|网球|羽毛球|马拉松|比赛"),
    "Gaming Interest": re.compile("游戏|电竞"),
    "Animal Concern": re.compile("狗|猫|宠物"),
    "Outdoor Interest": re.compile("徒步|爬山|露营|登山"),
}

# Each is what people say of themselves, held against the start of a clause in the first person.
STATEMENTS: Final[tuple[tuple[str, str, re.Pattern[str]], ...]] = tuple(
    (name, level, re.compile(regex, re.IGNORECASE))
    for name, level, regex in (
        (
            "Need for Order",
            "high",
            (
                r"I (?:always|like to|love to|need to) (?:plan|organi[sz]e|schedule) everything\b"
                r"|I (?:always )?(?:make|write|keep) (?:detailed |long )?(?:to-?do )?lists for"
                r" everything\b"
                r"|(?:siempre )?planifico todo|siempre lo organizo todo"
                r"|我(?:总是|喜欢|都会)?(?:提前)?(?:把一切都|什么都)?(?:提前)?计划好"
                r"|我凡事都提前计划"
            ),
        ),
        (
            "Conscientiousness",
            "high",
            (
                r"I always (?:plan everything|finish what I start|keep my promises|meet my"
                r" deadlines"
                r"|double[- ]check everything)\b|I'm (?:very |really |extremely )?(?:organized"
                r"|organised"
                r"|disciplined|punctual|responsible|meticulous)\b|soy (?:muy )?(?:organizad[oa]"
                r"|responsable"
                r"|disciplinad[oa]|puntual|meticulos[oa])\b|siempre termino lo que empiezo"
                r"|我(?:很|非常)?(?:自律|有条理|守时)|我凡事都提前计划"
            ),
        ),
        (
            "Extraversion",
            "high",
            (
                r"I'm (?:an |a )?(?:very |really |total |big )?(?:extrovert(?:ed)?|outgoing|people"
                r" person)\b"
                r"|I (?:really )?love (?:meeting new people|parties)\b|soy (?:muy"
                r" )?(?:extrovertid[oa]"
                r"|sociable)\b|me encanta conocer gente nueva|我(?:很|非常|比较)?(?:外向|开朗)"
                r"|我喜欢认识新朋友"
            ),
        ),
        (
            "Extraversion",
            "low",
            (
                r"I'm (?:an |a )?(?:very |really |total |big |pretty )?(?:introvert(?:ed)?|shy)\b"
                r"|soy (?:muy |bastante )?(?:introvertid[oa]|tímid[oa])\b|我(?:很|非常"
                r"|比较)?(?:内向"
                r"|害羞)"
            ),
        ),
        (
            "Openness",
            "high",
            (
                r"I (?:really )?(?:love|enjoy|like) (?:trying new things|learning new things|new"
                r" experiences)\b"
                r"|me (?:gusta|encanta) probar cosas nuevas|我(?:很)?喜欢尝试新(?:事物|东西)"
            ),
        ),
        (
            "Neuroticism",
            "high",
            (
                r"I (?:always )?(?:worry about everything|worry too much)\b|I'm (?:a |always"
                r" )(?:big"
                r" )?(?:worrier"
                r"|anxious)\b|me preocupo por todo|soy (?:muy )?ansios[oa]\b|我(?:总是|很"
                r"|容易)(?:焦虑"
                r"|担心一切)"
            ),
        ),
        (
            "Need for Security",
            "high",
            (
                r"I (?:hate|avoid|don't like) (?:taking )?risks\b|odio los riesgos|no me gusta"
                r" arriesgarme"
                r"|我不喜欢冒险"
            ),
        ),
        (
            "Risk Tolerance",
            "high",
            r"I (?:love|like|enjoy) taking risks\b|me gusta arriesgarme|我喜欢冒险",
        ),
        (
            "Need for Autonomy",
            "high",
            (
                r"I (?:prefer|like|love) (?:to work|working|to be|being) (?:alone|independently|my"
                r" own"
                r" boss)\b"
                r"|prefiero trabajar sol[oa]\b|我喜欢独立工作"
            ),
        ),
        (
            "Need for Achievement",
            "high",
            (
                r"I'm (?:very |really |extremely )?(?:ambitious|competitive)\b|soy (?:muy"
                r" )?(?:ambicios[oa]"
                r"|competitiv[oa])\b|我(?:很|非常)有(?:野心|上进心)"
            ),
        ),
        (
            "Cognitive Needs",
            "high",
            (
                r"I'm (?:very |really |always )?curious about everything\b|I (?:really )?love"
                r" learning(?: new"
                r" things)?\b|me encanta aprender\b|我(?:很)?喜欢学习新(?:知识|东西)"
            ),
        ),
        ("Perseverance", "high", r"I never give up\b|nunca me rindo|我从不放弃"),
        (
            "Need for Privacy",
            "high",
            r"I'm a (?:very )?private person\b|soy una persona (?:muy )?(?:reservada|privada)",
        ),
        (
            "Conciseness",
            "high",
            (
                r"(?:I (?:prefer|like|want) (?:short|brief|concise) (?:answers|replies"
                r"|responses))\b"
                r"|prefiero (?:las )?respuestas (?:cortas|breves|concisas)|我(?:喜欢|想要)(?:简短"
                r"|简洁)的回答"
            ),
        ),
        (
            "Complexity",
            "high",
            (
                r"I (?:prefer|like|want) (?:detailed|long|in-depth|thorough) (?:answers|replies"
                r"|responses"
                r"|explanations)\b|prefiero (?:las )?respuestas (?:detalladas|largas)|我(?:喜欢"
                r"|想要)详细的(?:回答|解释)"
            ),
        ),
        ("Religious Interest", "low", r"I'm not religious\b|no soy religios[oa]\b|我不信教"),
        (
            "Political Concern",
            "low",
            (
                r"I(?:'m not (?:interested in|into)| don't care about| hate) politics\b|no me"
                r" interesa"
                r" la"
                r" política|我(?:对政治不感兴趣|不关心政治)"
            ),
        ),
        (
            "Sports Interest",
            "low",
            (
                r"I(?:'m not (?:interested in|into)| don't like| hate) sports?\b|no me gustan los"
                r" deportes"
                r"|我不喜欢运动"
            ),
        ),
        (
            "Travel Interest",
            "low",
            r"I (?:hate|don't like) travell?ing\b|no me gusta viajar|我不喜欢旅行",
        ),
        (
            "Food Interest",
            "low",
            r"I (?:hate|don't like) cooking\b|no me gusta cocinar|我不喜欢做饭",
        ),
    )
)
"""(trait, level, what people say of themselves)."""
