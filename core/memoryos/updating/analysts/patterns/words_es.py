"""Spanish word tables: what a value's head must be for a pattern to believe it."""

from __future__ import annotations

from memoryos.updating.analysts.patterns.lexicon import words_of

OCCUPATIONS = words_of("""
abogado abogada actor actriz actuario administrador administradora administrativo administrativa
agricultor agricultora albañil analista animador animadora antropólogo antropóloga archivista
arqueólogo arqueóloga arquitecto arquitecta artesano artesana artista asesor asesora asistente
astronauta astrónomo astrónoma atleta auditor auditora auxiliar azafata bailarín bailarina barbero
barista bibliotecario bibliotecaria biólogo bióloga bloguero bombero bombera botánico cajero cajera
camarero camarera camionero camionera cantante carnicero carpintero carpintera cartero cartera
científico científica cineasta cirujano cirujana cocinero cocinera comercial compositor compositora
conductor conductora conserje consultor consultora contable contador contadora coordinador
coordinadora coreógrafo coreógrafa costurera criminóloga dentista dependiente dependienta
desarrollador desarrolladora detective diplomático diplomática director directora diseñador
diseñadora doctor doctora economista editor editora educador educadora electricista empresario
empresaria emprendedor emprendedora encargado encargada enfermero enfermera entrenador entrenadora
escritor escritora escultor escultora estadístico farmacéutico farmacéutica fiscal físico física
fisioterapeuta florista fontanero fontanera fotógrafo fotógrafa funcionario funcionaria ganadero
geógrafo geólogo geóloga gerente granjero guardia guía guionista historiador historiadora ilustrador
ilustradora informático informática ingeniero ingeniera inspector inspectora investigador
investigadora jardinero jardinera jefe jefa joyero juez jueza limpiador limpiadora lingüista locutor
locutora maestro maestra maquillador maquilladora marinero marketero matemático matemática mecánico
mecánica médico médica mesero mesera microbióloga militar minero modelo músico música niñera notario
notaria novelista nutricionista odontólogo odontóloga oftalmólogo oncólogo oncóloga operador
operadora operario operaria panadero panadera pastelero pastelera pediatra peluquero peluquera
periodista pescador pianista piloto pintor pintora plomero poeta policía político politóloga portero
procurador productor productora profesor profesora programador programadora psicólogo psicóloga
psiquiatra publicista químico química radiólogo recepcionista reportero reportera sastre secretario
secretaria socióloga sociólogo soldado soldador soldadora supervisor supervisora taxista técnico
técnica terapeuta traductor traductora vendedor vendedora veterinario veterinaria violinista
youtuber zoólogo zapatero estudiante becario becaria autónomo autónoma dietista logopeda matrona
partera socorrista torero
""")
"""First words of what people are by trade."""

NOT_A_TRADE = words_of("""
buen buena mal mala gran bueno malo pésimo pésima futuro futura aficionado aficionada antiguo
antigua ex verdadero verdadera auténtico auténtica frustrado frustrada bastante muy tan
""")
"""Words beside a trade that make it an opinion or the past."""

STUDIES = words_of("""
administración agronomía antropología arquitectura arqueología arte artes astronomía biología
bioquímica ciencias cine comunicación contabilidad criminología danza derecho diseño economía
educación electrónica enfermería estadística farmacia filología filosofía física fisioterapia
gastronomía geografía geología historia informática ingeniería lingüística literatura logística
magisterio marketing matemáticas mecánica medicina música nutrición odontología pedagogía periodismo
programación psicología publicidad química robótica sociología teatro teología traducción turismo
veterinaria finanzas negocios
""")

LANGUAGES = words_of("""
alemán árabe catalán checo chino coreano croata danés español euskera finés finlandés francés
gallego griego guaraní hebreo hindi holandés húngaro inglés italiano japonés latín mandarín náhuatl
neerlandés noruego persa polaco portugués quechua rumano ruso serbio sueco tailandés turco ucraniano
valenciano vasco vietnamita castellano
""")

NATIONALITIES = words_of("""
español española mexicano mexicana argentino argentina colombiano colombiana peruano peruana chileno
chilena venezolano venezolana ecuatoriano ecuatoriana boliviano boliviana paraguayo paraguaya
uruguayo uruguaya cubano cubana dominicano dominicana puertorriqueño puertorriqueña guatemalteco
guatemalteca hondureño hondureña salvadoreño salvadoreña nicaragüense costarricense panameño
panameña brasileño brasileña estadounidense canadiense francés francesa alemán alemana italiano
italiana portugués portuguesa inglés inglesa británico británica irlandés irlandesa escocés escocesa
belga holandés holandesa suizo suiza austríaco austríaca polaco polaca rumano rumana ruso rusa
ucraniano ucraniana griego griega turco turca marroquí argelino argelina chino china japonés
japonesa coreano coreana indio india filipino filipina sueco sueca noruego noruega danés danesa
finlandés finlandesa catalán catalana vasco vasca gallego gallega andaluz andaluza
""")

PLAYED = words_of("""
ajedrez fútbol baloncesto tenis pádel voleibol balonmano rugby béisbol golf hockey póker damas
guitarra piano violín batería flauta saxofón bajo trompeta violonchelo acordeón clarinete ukelele
arpa básquet básquetbol squash bádminton cartas
""")

NOT_NAMES = words_of("""
Lunes Martes Miércoles Jueves Viernes Sábado Domingo Enero Febrero Marzo Abril Mayo Junio Julio
Agosto Septiembre Octubre Noviembre Diciembre Navidad Dios Yo Tú Usted Él Ella El La Los Las Un Una
Que Y O Pero Muy No Sí Aquí Allí Ahora También Bien Mal Mi Tu Su Casa Paz Internet Netflix
""")

VAGUE = words_of("""
eso esto esta este ese esa esos esas aquello ello él ella ellos ellas usted ustedes tú tu tus ti te
su sus yo mi mis mí me nos nosotros nuestra nuestro nuestros nuestras lo le les que qué como cómo
cuando cuándo donde dónde quien quién cual cuál porque si algo nada todo todos todas alguien nadie
cosa cosas idea ideas parte manera forma así tan tanto mucho muchos poco no ni más menos otra otro
vez ser estar aquí allí allá ahí hoy ayer mañana ambos verte hacerlo saber haber verlo
""")
"""Words with which a value means nothing outside its conversation."""
