"""Chinese as the rules know it: how people say facts of themselves, as a table of patterns."""

from __future__ import annotations

import re

from memoryos.updating.analysts.patterns.lexicon import Accept, FactPattern, Lexicon, words_of

# ── Pieces ────────────────────────────────────────────────────────────────────────────────────

_ADV = (
    r"(?:现在|目前|一直|也|都|还|其实|真的|非常|很|特别|最|就|平时|平常|現在|還|今年|已经|已經)"
    r"{0,3}"
)
_END = r"(?=\s*(?:$|[，,。.！!；;、～~…（(\n]|但|不过|因为|所以|而且|并且|然后|，))"
_HAN = r"[\u4e00-\u9fffA-Za-z·]"
_NAME = r"(?P<value>[\u4e00-\u9fff·]{2,6}|[A-Za-z][A-Za-z·-]{1,20})"
_TEXT = r"(?P<value>[\u4e00-\u9fffA-Za-z0-9·+-]{1,12}?)"
_LONG = r"(?P<value>[\u4e00-\u9fffA-Za-z0-9·+-]{2,24}?)"
_NUM = r"[一两二三四五六七八九十几\d]{1,3}"
_PERSON = (
    r"(?P<key>姐姐|妹妹|哥哥|弟弟|妈妈|爸爸|母亲|父亲|妻子|老婆|太太|丈夫|老公|先生|女儿|儿子"
    r"|女朋友|男朋友"
    r"|女友|男友|孩子|表哥|表弟|表姐|表妹|奶奶|爷爷|外婆|外公|媽媽|女兒|兒子)"
)
_PET = r"(?P<key>小?狗|小?猫|狗狗|猫咪|兔子|仓鼠|乌龟|鹦鹉|金毛|柯基|泰迪|哈士奇|拉布拉多|貓)"

_TRADES = (
    "工程师 程序员 科学家 医生 护士 老师 教师 教授 律师 会计 会计师 设计师 厨师 司机 记者 编辑"
    " 作家 画家 艺术家 "
    "演员 歌手 音乐家 导演 摄影师 建筑师 学生 大学生 研究生 博士生 高中生 销售 销售员 经理"
    " 产品经理 项目经理 总监 "
    "顾问 分析师 研究员 警察 消防员 军人 农民 工人 公务员 翻译 秘书 助理 药剂师 牙医 兽医"
    " 心理咨询师 咨询师 "
    "治疗师 教练 飞行员 空姐 服务员 快递员 外卖员 理发师 化妆师 模特 运营 架构师 测试员 开发者"
    " 开发人员 创业者 "
    "企业家 老板 店主 银行家 投资人 经济学家 物理学家 化学家 生物学家 数学家 历史学家 图书管理员"
    " 收银员 保安 "
    "工程師 程式設計師 醫生 護士 老師 律師 設計師 會計 學生"
).split()
_COUNTRIES = (
    "中国 美国 英国 法国 德国 日本 韩国 西班牙 意大利 葡萄牙 俄罗斯 加拿大 澳大利亚 印度 墨西哥"
    " 巴西 阿根廷 新加坡 "
    "马来西亚 泰国 越南 菲律宾 印尼 荷兰 瑞士 瑞典 挪威 丹麦 芬兰 波兰 乌克兰 土耳其 埃及 南非"
    " 哥伦比亚 智利 秘鲁 "
    "中國 美國 英國 法國 德國 韓國"
).split()
_LANGUAGES = (
    "英语 法语 德语 日语 韩语 西班牙语 意大利语 葡萄牙语 俄语 中文 汉语 普通话 粤语 泰语 越南语"
    " 阿拉伯语 荷兰语 "
    "英文 法文 德文 日文 韩文 西班牙文 印地语 土耳其语 闽南语 上海话 英語 法語 德語 日語 韓語"
    " 西班牙語"
).split()
_STUDIES = (
    "物理 化学 生物 数学 计算机 计算机科学 软件工程 医学 法律 法学 经济 经济学 金融 会计 历史 哲学"
    " 文学 英语 新闻 "
    "心理学 社会学 教育 教育学 建筑 建筑学 设计 艺术 音乐 土木工程 机械工程 电子工程 人工智能"
    " 数据科学 统计 统计学 "
    "市场营销 管理 工商管理 护理 药学 物理学 生物学 语言学 政治学 地理 环境科学 化學 數學 物理學"
).split()


def _any(table: list[str]) -> str:
    """Return an alternation of the entries of `table`, longest first."""
    return "|".join(sorted(table, key=len, reverse=True))


_PLACE = (
    r"(?P<value>[\u4e00-\u9fffA-Za-z·]{2,10}?)(?:这边|那边|市区)?"
    r"(?=\s*(?:$|[，,。.！!；;、～~…（(\n]|已经|已經|生活|工作|上班|读书|上学|附近|快|有\d|\d"
    r"|[一两二三四五六七八九十]+年|了|呢|的))"
)

# ── Tests of what matched ─────────────────────────────────────────────────────────────────────

_NO_PLACE = re.compile(
    r"[的了着很]|[里上下内外]$|这|那|家|一个|一家|学校|公司|宿舍|城市|农村|乡下|楼|房|哪|什么|他"
    r"|她|你|们|自己|朋友|公寓|医院|银行"
)


def _place(match: re.Match[str]) -> bool:
    return not _NO_PLACE.search(match["value"])


def _plain(match: re.Match[str]) -> bool:
    value = match["value"]
    return not re.match(r"[的了是在有和跟与把被让给就都也这那你他她它不没]|一个人", value)


def _name(match: re.Match[str]) -> bool:
    return not re.search(r"[的了是在有我你他她它这那不没吗什么来去很做说]|大家", match["value"])


def _believable(least: int, most: int) -> Accept:
    return lambda match: least <= int(match["value"]) <= most


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
        re.compile(regex), subject, "{who}" + text, attribute, accept, anywhere, several, ends
    )


# ── The table ─────────────────────────────────────────────────────────────────────────────────
# Written by hand, a pattern to two or three lines: formatted it would be three times as long.
# fmt: off
_WHO = (
    _p(rf"(?:我叫|我的名字(?:是|叫)|我名叫){_NAME}{_END}", "name", "叫{value}", "name", _name),
    _p(rf"(?:请|可以|你可以|大家都)?叫我{_NAME}(?:吧|就好|就行|就可以了)?{_END}",
       "name", "叫{value}", "name", _name),
    _p(r"我(?:是)?(?:出生于|出生在|生于)?(?P<value>(?:19|20)\d\d)年(?:\d{1,2}月)?(?:\d{1,2}[日号])?"
       r"(?:出生|生的|生|在\w{2,6}出生)?(?:的)?" + _END,
       "birth_year", "出生于{value}年", "birth_year", lambda match: "生" in match[0]),
    _p(rf"我(?:是)?(?:出生于|出生在|生于|生在){_PLACE}",
       "birthplace", "出生在{value}", "birthplace", _place),
    _p(r"我是?在(?P<value>[\u4e00-\u9fffA-Za-z·]{2,10}?)出生",
       "birthplace", "出生在{value}", "birthplace", _place),
    _p(r"我的?生日是(?P<value>\d{1,2}月\d{1,2}[日号]?)", "birthday", "的生日是{value}", "birthday"),
    _p(rf"我{_ADV}(?:已经)?(?P<value>\d{{1,3}})[岁歲]",
       "age", "在{date}时{value}岁", None, _believable(3, 120)),
    _p(rf"我{_ADV}是(?P<value>(?:{_any(_COUNTRIES)})人){_END}",
       "nationality", "是{value}", "nationality"),
    _p(rf"我{_ADV}(?P<value>单身|已婚|离异|离婚|结婚|订婚|單身|結婚)了?{_END}",
       "relationship", "的婚姻状况：{value}", "relationship"),
)

_WHERE = (
    _p(rf"我{_ADV}(?:住在|居住在|定居在|定居于|搬到了|住){_PLACE}",
       "home", "住在{value}", "home", _place),
    _p(rf"我{_ADV}(?:在)(?P<value>[\u4e00-\u9fffA-Za-z·]{{2,8}}?)(?:居住|生活){_END}",
       "home", "住在{value}", "home", _place),
    _p(rf"我(?:已经)?(?:不再|不(?=[^，。]+了))住在(?P<value>[\u4e00-\u9fffA-Za-z·]{{2,8}}?)了?{_END}",
       "past_home:{value}", "不再住在{value}", None, _place, ends="home"),
    _p(rf"我{_ADV}来自{_PLACE}", "origin", "来自{value}", "origin", _place),
    _p(rf"(?:我的)?(?:我)?(?:老家|家乡)(?:是|在){_PLACE}",
       "origin", "来自{value}", "origin", _place),
    _p(rf"我(?:是)?在{_HAN}{{0}}(?P<value>[\u4e00-\u9fffA-Za-z·]{{2,8}}?)长大",
       "childhood_home", "在{value}长大", None, _place),
)

_ROLE = rf"(?P<value>(?:[\u4e00-\u9fffA-Za-z]{{0,8}}?)(?:{_any(_TRADES)}))"
_WORK = (
    _p(rf"我{_ADV}(?:是|当|做)(?:一?[名个位])?{_ROLE}{_END}",
       "role", "是{value}", "role", lambda match: (not re.search(r"[的不]|个|最|好|老",
       match["value"].removesuffix("老师")) and not re.match(r"[你他她它这那想要]",
       match["value"]))),
    _p(rf"我(?:的)?(?:职业|工作)是(?:一?[名个位])?{_ROLE}{_END}", "role", "是{value}", "role"),
    _p(rf"我{_ADV}(?:在|为)(?:[\u4e00-\u9fffA-Za-z·]{{2,12}}?)(?:担任|做|当|任){_ROLE}{_END}",
       "role", "是{value}", "role", lambda match: "的" not in match["value"]),
    _p(rf"我{_ADV}在(?P<value>[\u4e00-\u9fffA-Za-z·]{{2,12}}?)(?:工作|上班|任职|做|当|担任)",
       "workplace", "在{value}工作", "workplace", _place),
    _p(r"我(?:已经)?(?:不再|不(?=[^，。]+了))在(?P<value>[\u4e00-\u9fffA-Za-z·]{2,12}?)(?:工作|上班)了?",
       "past_workplace:{value}", "不再在{value}工作", None, _place, ends="workplace"),
    _p(rf"我{_ADV}在(?P<value>[\u4e00-\u9fffA-Za-z·]{{2,12}}?(?:大学|学院|中学|大學))(?:读书|上学"
       rf"|学习|念书|读|学|$|[，。,.])",
       "school", "在{value}上学", "school"),
    _p(rf"我(?:的专业是|学的是|主修|{_ADV}(?:在[\u4e00-\u9fff]{{2,12}}?)?(?:学习|学"
       rf"|读))(?P<value>{_any(_STUDIES)})(?:专业)?{_END}",
       "study", "学习{value}", "study"),
)

_FAMILY = (
    _p(rf"我的?{_PERSON}(?:的名字)?(?:叫做?|名叫){_NAME}{_END}",
       "family:{key}:{value}", "的{key}叫{value}", None, _name),
    _p(rf"我{_ADV}有{_NUM}?个{_PERSON}[，,]?(?:叫做?|名叫|他叫|她叫){_NAME}{_END}",
       "family:{key}:{value}", "的{key}叫{value}", None, _name),
    _p(rf"我{_ADV}有(?P<value>{_NUM}个{_PERSON})(?=\s*(?:$|[，,。.！!；;、和]|叫))",
       "family:{key}", "有{value}"),
    _p(rf"我的?(?:小)?{_PET}(?:的名字)?(?:叫做?|名叫){_NAME}{_END}",
       "pet:{value}", "的{key}叫{value}", None, _name),
    _p(rf"我(?:家)?{_ADV}(?:有|养了|养着|养)(?:{_NUM}?[只条个])?{_PET}[，,]?(?:叫做?|名叫|它叫"
       rf"|名字叫){_NAME}{_END}",
       "pet:{value}", "的{key}叫{value}", None, _name),
    _p(rf"我(?:家)?{_ADV}(?:有|养了|养着|养)(?P<value>{_NUM}[只条个]{_PET})",
       "pet:{key}", "有{value}"),
)

_TASTE = (
    _p(rf"我{_ADV}(?:喜欢|爱|热爱|喜歡|爱好|享受){_TEXT}{_END}",
       "likes:{value}", "喜欢{value}", None, _plain, several=True),
    _p(rf"我{_ADV}(?:不喜欢|讨厌|不爱|受不了|不喜歡|討厭|恨){_TEXT}{_END}",
       "likes:{value}", "不喜欢{value}", None, _plain, several=True),
    _p(rf"我{_ADV}(?:不再喜欢|再也不喜欢|再也不爱|不再爱|不再喜歡){_TEXT}了?{_END}",
       "likes:{value}", "不再喜欢{value}", None, _plain, several=True),
    _p(rf"我最(?:喜欢|爱)的(?P<key>[\u4e00-\u9fff]{{1,5}})是{_TEXT}{_END}",
       "favorite:{key}", "最喜欢的{key}是{value}", None, _plain),
    _p(rf"我对{_TEXT}(?:很|非常|特别)?感兴趣", "interest:{value}", "对{value}感兴趣", None, _plain),
    _p(rf"我的(?:爱好|兴趣)是{_TEXT}{_END}",
       "hobby:{value}", "的爱好是{value}", None, _plain, several=True),
)

_BODY = (
    _p(rf"我{_ADV}对(?P<value>[\u4e00-\u9fffA-Za-z]{{1,8}}?)(?:严重)?[过過]敏",
       "allergy:{value}", "对{value}过敏", None, _plain),
    _p(rf"我{_ADV}(?:是|吃)(?P<value>素食主义者|素食者|纯素者|素|全素){_END}",
       "diet", "饮食：{value}", "diet"),
    _p(rf"我(?:从来)?不吃(?P<value>[\u4e00-\u9fff]{{1,4}}){_END}",
       "eats:{value}", "不吃{value}", None, _plain),
    _p(rf"我{_ADV}有(?P<value>糖尿病|哮喘|高血压|癫痫|关节炎|偏头痛)",
       "health:{value}", "有{value}"),
)

_CAN = (
    _p(rf"我{_ADV}(?:会|能)(?:说|讲|講|說)(?:一点|一些"
       rf"|流利的)?(?P<value>(?:{_any(_LANGUAGES)})(?:(?:和|、|，"
       rf"|以及)(?:{_any(_LANGUAGES)})){{0,4}})",
       "language:{value}", "会说{value}", several=True),
    _p(rf"我的母语是(?P<value>{_any(_LANGUAGES)})", "language:{value}", "会说{value}"),
    _p(rf"我{_ADV}(?:正在|在)学(?:习)?(?P<value>{_any(_LANGUAGES)})",
       "learning:{value}", "在学{value}"),
)

_HAS = (
    _p(rf"我{_ADV}有(?P<value>一[辆台架把套](?:车|汽车|自行车|摩托车|电动车|特斯拉|钢琴|吉他"
       rf"|小提琴|房子|公寓))",
       "owns:{value}", "有{value}"),
)

_PLANS = (
    _p(rf"我{_ADV}(?:想|打算|计划|准备|希望能?)(?P<value>(?:学|去|成为|当|搬|考|买一|开一|写一"
       rf"|移民|创业|环游)[\u4e00-\u9fffA-Za-z0-9]{{1,16}}?)"
       + _END, "goal:{value}", "打算{value}"),
    _p(rf"我的(?:目标|梦想|计划)是{_LONG}{_END}", "goal:{value}", "的目标是{value}"),
)

_AGENT = (
    _p(rf"(?:我叫|我的名字(?:是|叫)){_NAME}{_END}", "name", "叫{value}", "name", _name),
    _p(r"我是(?:您|你)的(?P<value>[\u4e00-\u9fffA-Za-z]{0,8}?(?:助手|助理|顾问|导游|老师|教练|向导"
       r"|伙伴))",
       "agent_role", "是用户的{value}", "role"),
    _p(rf"我(?:给您|给你|为您|为你|向您|向你)?推荐(?:了|过)?{_LONG}{_END}",
       "agent_did:{value}", "推荐了{value}", None, _plain),
)

# fmt: on
CHINESE = Lexicon(
    code="zh",
    user="用户",
    agent="助手",
    cue=re.compile("我"),
    clause=re.compile(r"[，,；;、）)…～~]+\s*|但是?|不过|因为|所以|而且|并且"),
    opener=re.compile(
        r"(?:你好|您好|嗨|大家好|哈喽|嗯|对|是的|好的|谢谢|其实|现在|目前|另外|还有|顺便说|顺便"
        r"|因为|所以|而且|但是?|不过"
        r"|请记住|记住|平时|今年|老实说|说实话|[\s，,。！!：～~])*?(?=我|请叫我|叫我|可以叫我"
        r"|你可以叫我|大家都叫我|老家|家乡)"
    ),
    lead=re.compile(r"我|请叫我|叫我|可以叫我|你可以叫我|大家都叫我|老家|家乡"),
    unreal=re.compile(
        r"如果|假如|假设|要是|倘若|若是|除非|希望我|真希望|想象|比如说我|[他她它]们?(?:说|讲|问"
        r"|告诉|觉得|认为)|说我|告诉我"
        r"|问我|据说|听说|以前|曾经|过去|小时候|从前|那时|当时|当年|原来我|本来|梦见|梦里|在梦中"
        r"|歌词|故事里|小说里|游戏里|电影里"
        r"|也许|可能|好像|似乎|仿佛|吗[？?。]?$|[妈爸哥姐弟妹友生师]说|老板说|有人说|假装|說我"
        r"|告訴我|小時候|夢"
    ),
    unserious=re.compile(
        r"开玩笑|逗你|骗你的|開玩笑|翻译|改写|润色|扮演|假装|假设我|写一(?:篇|首|个|封)|写(?:篇|首"
        r"|个|封)|修改(?:下面|以下)|总结(?:下面|以下)"
    ),
    tail=re.compile(r"[\s，,。；;]*(?:那)?(?:你|您|你们)呢[？?]+\s*$"),
    intro=re.compile(
        r"\s*(?:你好|您好|嗨|大家好|哈喽)[呀啊]?[，,。！!~～\s]*我是(?P<value>[\u4e00-\u9fff]{2,3}"
        r"|[A-Z][a-z]{1,15})"
        r"(?=\s*(?:[，,。！!]|$))"
    ),
    intro_text="{who}叫{value}",
    patterns=(*_WHO, *_WHERE, *_WORK, *_FAMILY, *_TASTE, *_BODY, *_CAN, *_HAS, *_PLANS),
    agent_patterns=_AGENT,
    vague=words_of(
        "你 您 他 她 它 我 这 那 什么 怎么 哪 谁 自己 东西 时候 一样 如此 这样 那样 的话 吗 呢 吧"
        " 得 死 的时候 "
        "這 什麼"
    ),
    trim=re.compile(r"(?:了|啊|呀|哦|呢|啦|极了|死了)+$"),
    joint=re.compile(r"和|、|以及|还有|跟|与|，"),
    normal=re.compile(r"(?:玩|看|吃|喝|听|打)(?=.)"),
    negative=re.compile(r"不|讨厌|討厭|没"),
    unspaced=True,
)
