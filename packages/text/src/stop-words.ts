// Words that say little about what a text is about: articles, pronouns, prepositions, auxiliaries.

const lists = {
  english:
    "a about above after again against all am an and any are aren't as at be because been before being below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for from further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself his how how's i i'd i'll i'm i've if in into is isn't it it's its itself just let's me more most mustn't my myself no nor not now of off on once only or other ought our ours ourselves out over own same shan't she she'd she'll she's should shouldn't so some such than that that's the their theirs them themselves then there there's these they they'd they'll they're they've this those through to too under until up very was wasn't we we'd we'll we're we've were weren't what what's when when's where where's which while who who's whom why why's will with won't would wouldn't you you'd you'll you're you've your yours yourself yourselves",
  german:
    'aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes auch auf aus bei bin bis bist da damit dann das dass dein deine deinem deinen deiner deines dem den denn der des dessen dich die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines einige er es etwas euch euer eure für gegen gewesen hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist jede jedem jeden jeder jedes jene jener jetzt kann kein keine keinem keinen keiner können könnte machen man manche mein meine meinem meinen meiner mich mir mit muss musste nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner selbst sich sie sind so solche soll sollte sondern sonst um und uns unser unsere unter viel vom von vor war waren warst was weg weil weiter welche welcher wenn werde werden wie wieder will wir wird wirst wo wollen wollte während würde würden zu zum zur zwar zwischen über',
  french:
    'à ai aie aient ait as au aura aurait aux avaient avais avait avec avez avons ayant c ce ceci cela ces cet cette d dans de des du elle elles en es est et étaient étais était étant été êtes être eu eux fait furent fut il ils j je l la le les leur leurs lui m ma mais me même mes moi mon n ne ni nos notre nous on ont ou où par pas pour qu que quel quelle quelles quels qui s sa sans se sera serait ses si soi soient sois soit sommes son sont suis sur t ta te tes toi ton tu un une vos votre vous y',
  spanish:
    'a al algo algunas algunos ante antes aquel aquella como con contra cual cuando de del desde donde durante e el él ella ellas ellos en entre era eran eres es esa esas ese eso esos esta está están estas este esto estos fue fueron fui ha había han has hasta hay he la las le les lo los más me mi mí mis mucho muchos muy nada ni no nos nosotras nosotros nuestra nuestras nuestro nuestros o os otra otras otro otros para pero poco por porque que qué quien quienes se sea ser si sí sido sin sobre sois somos son soy su sus suya suyo también tanto te tenía tengo ti tiene tienen todo todos tu tú tus un una unas uno unos vosotras vosotros vuestra vuestro y ya yo',
  italian:
    'a ad agli ai al alla alle allo anche avere aveva avevano c che chi ci come con contro cui da dagli dai dal dalla dalle dallo degli dei del della delle dello di dove e è ed era erano essere fu gli ha hanno ho i il in io l la le lei li lo loro lui ma mi mia mie miei mio ne negli nei nel nella nelle nello noi non nostra nostro o per perché più quale quanta quanto quella quelle quelli quello questa queste questi questo sarà se sei si sia siamo siete sono sta stata stato su sua sue sugli sui sul sulla sulle suo suoi ti tra tu tua tuo tutti tutto un una uno vi voi vostra vostro',
  dutch:
    'aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een en er ge geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je kan kon kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder ons ook op over reeds te tegen toch toen tot u uit uw van veel voor want waren was wat we wel werd wezen wie wil worden wordt zal ze zelf zich zij zijn zo zonder zou',
  portuguese:
    'a à ao aos aquela aquelas aquele aqueles aquilo as às até com como da das de dela delas dele deles depois do dos e é ela elas ele eles em entre era eram essa essas esse esses esta está estão estas este estes eu foi foram há isso isto já lhe lhes mais mas me mesmo meu meus minha minhas muito na não nas nem no nos nós nossa nossas nosso nossos num numa o os ou para pela pelas pelo pelos por qual quando que quem são se seja sem ser será seu seus só sua suas também te tem têm tinha tu tua um uma umas uns você vocês vos',
  russian:
    'а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее если есть еще же за здесь и из или им их к как ко когда кто ли либо мне может мы на над надо наш не него нее нет ни них но ну о об однако он она они оно от очень по под при с со так также такой там те тем то того тоже той только том ты у уже хотя чего чей чем что чтобы чье чья эта эти это этот я',
} as const

/** A language that has a list of stop words. */
export type StopWordLanguage = keyof typeof lists

export const stopWordLanguages: readonly StopWordLanguage[] = Object.keys(lists) as StopWordLanguage[]

/** The stop words of a language, in lower case. */
export function stopWords(language: StopWordLanguage): ReadonlySet<string> {
  return new Set(lists[language].split(' '))
}
