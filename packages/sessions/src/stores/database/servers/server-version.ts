/** Which servers can be used, by what they say of their version. Some speak the protocol of PostgreSQL or MySQL and are neither. */
import { StoreConfigError } from '../../../errors.ts'

type Version = readonly [major: number, minor: number]

const POSTGRES_MIN: Version = [12, 0]
const MYSQL_MIN: Version = [8, 0]
const MARIADB_MIN: Version = [10, 5]

/** `version` is what `SELECT version()` says. Throws StoreConfigError. */
export function refusePostgres(at: string, version: string): void {
  const [, product = version, number = ''] = /^(\S+) v?([\d.]+)/.exec(version) ?? []
  const fork = /CockroachDB|Yugabyte|-YB-|Redshift|Materialize|CrateDB/i.exec(version)?.[0]
  if (product !== 'PostgreSQL' || fork !== undefined)
    throw new StoreConfigError(`${at} is no PostgreSQL, but says that it is '${version}': it is not supported`)
  refuseOld(at, product, number, POSTGRES_MIN)
}

/** Gives whether it is a MariaDB. */
export function refuseMysql(at: string, version: string): { readonly isMariadb: boolean } {
  // A MariaDB behind a proxy stands in front of its version with one that old replicas of MySQL take.
  const [, number = '', rest = ''] = /^(?:5\.5\.5-(?=.*mariadb))?([\d.]+)(.*)$/i.exec(version) ?? []
  if (/tidb|vitess|singlestore|oceanbase|doris|starrocks/i.test(version))
    throw new StoreConfigError(`${at} is no MySQL, but says that it is '${version}': it is not supported`)
  const isMariadb = /mariadb/i.test(rest)
  refuseOld(at, isMariadb ? 'MariaDB' : 'MySQL', number, isMariadb ? MARIADB_MIN : MYSQL_MIN)
  return { isMariadb }
}

function refuseOld(at: string, product: string, number: string, [minMajor, minMinor]: Version): void {
  const [major = 0, minor = 0] = number.split('.').map((part) => Number.parseInt(part, 10))
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return
  const min = minMinor === 0 && minMajor >= 10 ? String(minMajor) : `${minMajor}.${minMinor}`
  throw new StoreConfigError(`${at} is ${product} ${number}, and ${min} or newer is supported`)
}
