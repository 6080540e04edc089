/** The words of the page of what each strategy survives, in Korean; the terms are those of `docs/ko/glossary.md`. */
import { boundOfFaults, UNSEEN_OF_100 } from '../matrix/result.ts'
import { markdownTable } from '../report/drawing/markdown-table.ts'
import { n, percent, type Words } from './words.ts'

const ROWS: Readonly<Record<string, string>> = {
  replicated:
    '모든 노드가 모든 세션을 갖고, 어느 노드든 누구에게나 응답합니다. 따로 띄울 것이 없고, 노드 하나가 죽어도 사용자는 아무것도 잃지 않습니다.',
  clustered:
    '세션마다 주인 노드 하나와 백업 둘이 있고, 요청은 주인에게 갑니다. 노드가 늘어도 쓰기 한 번의 비용은 그대로입니다.',
  memory:
    '노드는 저마다 자기 세션만 갖고 있는데 로드 밸런서는 돌아가며 보내므로, 사용자는 바로 다음 요청에서 로그아웃됩니다.',
  sticky:
    '세션은 노드 하나의 메모리에 있고 쿠키가 그 노드로 다시 이끕니다. 노드가 죽으면 그 노드의 사용자는 로그아웃됩니다.',
  redis:
    '세션은 Redis에 있고, 어느 노드든 누구에게나 응답합니다. 노드가 죽어도 로그아웃되는 사용자는 없지만, Redis가 죽으면 로그아웃됩니다.',
  memcached:
    '세션은 Memcached에 있고, 어느 노드든 누구에게나 응답합니다. Memcached가 죽으면 사용자가 로그아웃되고, 가득 차도 가장 덜 쓴 것부터 축출하므로 마찬가지입니다.',
  database:
    '세션은 데이터베이스에 있습니다. SQLite, 또는 `--database postgres`나 `mariadb`입니다. 어느 노드든 누구에게나 응답하고, 세션은 어떤 프로세스보다 오래 남습니다.',
  token:
    '세션은 암호화되어 클라이언트의 쿠키에 있고 4,096바이트가 한계입니다. 노드는 끝난 세션의 목록만 나눕니다. 두 탭이 한꺼번에 쓰면 하나는 쓴 것을 잃습니다.',
  hybrid:
    '세션은 Redis에, Redis가 없으면 SQLite에, `--database postgres`면 PostgreSQL에 있고, 노드마다 자기 사용자의 세션 사본을 메모리에 둡니다. 어느 노드든 누구에게나 응답합니다.',
}

const COLUMNS: Readonly<Record<string, string>> = {
  tabs: '탭 세 개씩 쓰는 사용자, 장애는 없음',
  kill: '노드에 SIGKILL',
  'crash-before': '요청을 처리하던 노드가 커밋 전에 죽음',
  'crash-after': '요청을 처리하던 노드가 커밋한 뒤, 응답하기 전에 죽음',
  pause: '노드에 최대 2초 동안 SIGSTOP',
  drain: '배포할 때처럼 노드에 SIGTERM',
  rolling: '모든 노드가 차례로 드레인하고 돌아옴',
  partition: '노드가 저장소와, 또는 노드끼리 세션을 가진 곳에서는 다른 노드들과 끊김',
  'slow-store': '저장소, 또는 세션을 가진 노드의 응답이 최대 2초 늦음',
  'store-kill': '저장소 서버에 SIGKILL, 곧 다시 시작',
  failover: '저장소가 죽고 레플리카가 이어받음',
  eviction: '저장소의 메모리가 한순간 가득 차서 세션을 축출함',
}

const REASONS: Readonly<Record<string, string>> = {
  'nothing leads to another node or to a store of the lab': '다른 노드나 랩의 저장소로 가는 연결이 없음',
  'there is no store server that the lab starts': '랩이 띄우는 저장소 서버가 없음',
  'Memcached has no replicas': 'Memcached에는 레플리카가 없음',
  'The memory of Memcached is fixed at its start, and filling it takes minutes':
    'Memcached의 메모리는 시작할 때 정해지고, 채우는 데 몇 분이 걸림',
  'A database deletes nothing to make room': '데이터베이스는 자리를 만들려고 무언가를 지우지 않음',
}

export const KOREAN: Words = {
  introduction: `# 전략마다 무엇을 견디고, 무엇이 증명되지 않았나

_\`npm run bench:safety\`가 공개한 결과 [bench/results](../../../bench/results)로 이 문서를 씁니다._`,
  method: ({ users, operationsPerSecond, faults, processor, node, date }) =>
    `노드 세 대 뒤의 쇼핑몰에 가상 사용자가 들어와 있는 동안 장애를 냅니다. 사용자는 자기가 받은 응답을 기억하고, 아래는 모두 사용자가 본 것입니다. 사용자 ${users}명, 초당 작업 ${operationsPerSecond}개, 칸마다 장애 최대 ${faults}번, ${processor}, Node ${node}, ${date}. 고르는 법은 [세션은 어디에 둘까](choosing.md)에, 모든 칸을 담은 그림은 [README](../../../README.md)에 있습니다. ([영어 원문](../../explanation/safety.md))`,
  legend: (
    faults,
  ) => `- **견딤**: 잃은 세션도, 승인해 놓고 잃은 쓰기도, 두 번 실행된 것도, 낡았거나 끝난 것을 읽은 일도 없습니다. “≤ ${percent(boundOfFaults(faults))} %”는 ${KOREAN.faults(faults)}을 잃은 것 없이 넘겼을 때 증명되는 한계입니다. 이보다 자주 무언가를 잃게 하는 장애라면, 이런 실행 100번 가운데 아무 일도 없이 끝나는 것은 ${UNSEEN_OF_100}번이 안 됩니다. 그만큼 잃는다는 뜻이 아닙니다.
- **실패한** 작업은 거절됐거나 응답이 없었습니다. 사용자는 그 사실을 알았고, 승인한 것은 사라지지 않았습니다.
- **견디지 못함**: 잃었거나, 두 번 실행됐거나, 틀렸습니다. 횟수를 함께 적습니다.
- **증명 안 됨**: 이 실행으로는 알 수 없었고, 이유를 적습니다. 그 전략이 좋다는 뜻도 나쁘다는 뜻도 아닙니다.
- **해당 없음**: 장애를 낼 대상이 없습니다. 랩의 저장소 대신 여러분의 저장소를 넣어 보지는 않았습니다.`,
  strategiesHead: '## 전략',
  peersHead: '## 다른 사람들이 쓰는 구성',
  aboutRow: (row) => ROWS[row] ?? '',
  aboutColumn: (column) => COLUMNS[column] ?? column,
  survives: '견딤',
  doesNotSurvive: '견디지 못함',
  unproven: '증명 안 됨',
  canNotHave: '해당 없음',
  faults: (count) => `장애 ${n(count)}번`,
  nothingLost: (sessions, writes) => `세션 ${n(sessions)}개, 쓰기 ${n(writes)}개 가운데 잃은 것 없음`,
  byFaults: (text, faults, bound) => `${KOREAN.faults(faults)}에 ${text} (≤ ${percent(bound)} %)`,
  by: (faults) => KOREAN.faults(faults),
  sessionsLost: (lost, begun) => `세션 ${n(begun)}개 가운데 ${n(lost)}개를 잃음`,
  writesLost: (lost, acknowledged) => `승인한 쓰기 ${n(acknowledged)}개 가운데 ${n(lost)}개를 잃음`,
  doneTwice: (times) => `두 번 실행된 것 ${n(times)}개`,
  anomaly: (kind, times) => `${kind} ${n(times)}번`,
  failed: (failed, of) => `작업 ${n(of)}개 가운데 ${n(failed)}개 실패`,
  didNotRun: (reason) => `실행하지 못함: \`${reason}\``,
  inDoubt: (reason) => `의문: \`${reason}\``,
  whyNot: (reason) => REASONS[reason] ?? reason,
  beforeReplicaWaited: '비동기 레플리카로 잰 값이며, 지금 랩의 PostgreSQL은 레플리카를 기다림',
  proofsHead: '`prove`로 더 길게 한 번씩:',
  over: (database) => `${database} 위에서`,
  withWrite: (write) => `\`--write ${write}\``,
  lostInAll: ([sessions, begun], [writes, acknowledged]) =>
    `세션 ${n(begun)}개 가운데 ${n(sessions)}개, 쓰기 ${n(acknowledged)}개 가운데 ${n(writes)}개를 잃음`,
  trust: (rows) => `## 판정을 얼마나 믿을 수 있나

아무것도 찾지 못한 실행은, 있는 것을 찾아내는 실행일 때만 의미가 있습니다. 아래는 저마다 한 군데씩 일부러 망가뜨린 것이고, \`prove\`만으로 여러 시드에서
돌렸습니다. \`npm run prove:broken -- --out bench/results/broken.json\`이 그 파일에 아직 없는 것을 실행하고, \`npm run bench:safety\`가 표를 다시 만듭니다.

${markdownTable([['일부러 망가뜨린 것', '찾아야 하는 이상', '찾은 횟수'], ...rows])}`,
  caught: (caught, of) => `${of}번 중 ${caught}번`,
  notShown: `## 여기의 실행이 보여 주지 못하는 것

- 모든 프로세스가 한 머신에 있습니다. 프로세스 사이의 네트워크는 랩이 고장 내는 곳(지연, 리셋, 분할)에서만 고장 납니다. 진짜 네트워크는 더 여러 가지로
  고장 납니다.
- 롤링 배포는 같은 버전을 다시 띄웁니다. 두 버전이 함께 도는 경우는 표에 없습니다. 두 버전을 주면
  [\`prove --other-version\`](../../../packages/lab/README.md#prove)이 세션이 양쪽으로 오가는지 보여 줍니다.
- 정전은 표에 없습니다. 본 것은 [랩의 README](../../../packages/lab/README.md#faults)에 있습니다.
- 가득 찬 디스크는 표에 없습니다. \`prove --faults full-disk\`가 흉내 내고, [데이터베이스마다 있는 테스트](../../../packages/sessions/test/stores/database/full-disk.test.ts)는
  정말로 채웁니다. 동기화했다고 거짓말하는 디스크와 썩는 데이터는 전혀 시험하지 않았습니다.
- 실행은 몇 분입니다. 메모리 누수처럼 며칠이 지나야 보이는 것은 보이지 않습니다.`,
  priorArt: `## 앞서 이런 일을 한 것들

- **[clusterbench](https://github.com/clusterbench/clusterbench)** 는 Java 서버 클러스터용 애플리케이션입니다. 서블릿이 세션에 호출 횟수를 셉니다. 함께 있는 JMeter
  클라이언트는 자기가 센 값과 비교해서 다르면 \`INVALID-SERIAL\`로 보고합니다. 오류가 나면 쿠키를 버리고 처음부터 다시 세므로, 오류 뒤에서 사라진 세션은 세지
  못합니다. 여기서는 작업이 실패해도 사용자가 알던 것을 그대로 갖고 있다가 다음 응답과 비교합니다.
- **Keycloak의 [\`SessionFailoverClusterTest\`](https://github.com/keycloak/keycloak/blob/ecd43b181d9e53965379b544a011cef4f828852b/testsuite/integration-arquillian/tests/base/src/test/java/org/keycloak/testsuite/cluster/SessionFailoverClusterTest.java)**
  는 사용자 한 명을 로그인시키고, 노드 하나를 정상 종료한 뒤, 다른 노드에 세션이 있는지 봅니다. 세션 하나에 대한 테스트입니다. 여기서는 많은 사용자가 쓰는 도중에 일이
  벌어지고, 노드는 인사할 틈 없이 죽습니다.
- **[Jepsen](https://jepsen.io/)** 에서 방법을 배웠습니다. 작업을 만들고, 그동안 시스템을 망가뜨리고, 이력을 남기고, 그 이력만으로 검사기가 판정하며, _unknown_ 도
  하나의 판정입니다. Jepsen은 데이터베이스를 판정하고, 여기의 검사기는 세션을 봅니다. 탭이 두 개인 브라우저, 로그아웃, 로그인이 보는 것들입니다.

앞의 둘은 손실률과 그 구간을 말하지 않고, 탭이나 되살아나는 세션, 두 번 실행되는 요청을 보지 않습니다.`,
}
