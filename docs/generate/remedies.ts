/** By part and code: what it means, and what to do. */
import type { Part } from './error-codes.ts'

export const REMEDIES: Readonly<Record<Part, Readonly<Record<string, readonly [meaning: string, remedy: string]>>>> = {
  sessions: {
    ANSWER_NOT_KEPT: [
      'A request with this Idempotency-Key was carried out before, at least in part, and its answer is not kept: there was no room, or the user has logged in or out since. Nothing was done again.',
      'The client reads the present state instead of the answer. If it happens often, raise `idempotencyBytesMax`.',
    ],
    CROSS_ORIGIN: [
      'A page of another site began this change, and `sameOrigin()` refused it.',
      'Name the site in `allowedOrigins` if it is yours; set `allowSameSite` for sibling domains; put callbacks of other services under `exempt`.',
    ],
    IDEMPOTENCY_KEY: [
      'The header Idempotency-Key is not a key.',
      'Send 1 to 255 visible ASCII characters, such as a UUID.',
    ],
    IDEMPOTENCY_MISMATCH: [
      'The key was used before for another request: another method, address or payload.',
      'Make a new key for each new request, and repeat a request byte for byte.',
    ],
    LOGIN_THROTTLED: [
      'Too many logins failed for this account or from this address.',
      'The client waits as long as `Retry-After` says. After a reset of the password call `forgive(account)`.',
    ],
    REAUTHENTICATE: [
      'The session is used by another browser or from another network than the one that logged in.',
      "Ask for the password again. Where networks change often, as on phones, set `network: 'ignore'`.",
    ],
    NINELIVES_COOKIE_OVER_HTTP: [
      "A warning of the process: the session's cookie may travel over http, because `NODE_ENV` is `development`, `test` or not set, and `secure` was not set.",
      'Set `NODE_ENV=production` or `secure: true` where users are. In development, `secure: false` silences it.',
    ],
    NINELIVES_STORE_UNAVAILABLE: [
      "A warning of the process: the store that was named by its URL can't be reached at the start. Requests fail until it answers.",
      'Start the store, or mend the host, the port or the password of its URL. The application need not start again.',
    ],
    NINELIVES_USER_NOT_TEXT: [
      "A warning of the process: a session has a field `user` that is no text. Without `userOf` the session counts as a visitor's: a login does not change its id, and `users` does not know it.",
      "Set `userOf` to what gives the user's name as a text, such as `({ user }) => user && String(user.id)`.",
    ],
    RECORD_UNREADABLE: [
      'What is stored under this session is damaged, or was written by a newer version of the program. It is left as it is.',
      'Deploy the newer version to every node. Otherwise look for another program that writes under the same prefix.',
    ],
    SAME_ORIGIN_CONFIG: ["An option of `sameOrigin()` can't be used.", 'The message names it, and what it takes.'],
    SESSION_BUSY: [
      'More requests change this session at once than the store can carry out in `commitTimeMaxMs`. Nothing was written.',
      'Retry after `Retry-After`. Look at the latency of the store, and at a page that sends many changes at once.',
    ],
    SESSION_CONFLICT: [
      'Others kept changing the session, and the tries were used up. Nothing was written.',
      'Retry. A field that many requests change belongs into `update()`, or gets a resolver.',
    ],
    SESSION_GONE: [
      "The session was ended, or expired, or became another user's while the request worked on it. Nothing was written.",
      'The client logs in again. It is what a slow request gets after a logout, and no fault.',
    ],
    SESSION_HEADERS_CONFIG: [
      "An option of `sessionHeaders()` can't be used.",
      'The message names it, and what it takes.',
    ],
    SESSION_KEYS: [
      'The keys that sign cookies are missing, too short, or not set in the environment.',
      'Make one with `openssl rand -base64 32`, and set it where the message says.',
    ],
    SESSION_MOVED: [
      'The session is used by another browser or from another network, and the binding says `end`.',
      'The user logs in again. If your users meet it without a theft, take `re-authenticate` or `ignore`.',
    ],
    SESSION_NOT_NEEDED: [
      'The option `needed` says of this request that it does not use the session, and a handler did.',
      'Widen `needed`, or leave the session alone in that handler.',
    ],
    SESSION_OPTIONS: ["An option can't be used.", 'The message names the option, what it got and what it takes.'],
    SESSION_TOO_EARLY: [
      'A middleware changes `ctx.session` before the session middleware has run.',
      'Call `sessions(app, options)` before `app.use()` of what changes the session.',
    ],
    SESSION_TOO_LARGE: [
      "The session's data would take more than `dataBytesMax`. What was stored before is unharmed.",
      'The message names the largest fields: keep them in a database of your own, and their ids in the session.',
    ],
    SESSION_VALUE: [
      'A value would not come back as it is (a Map, NaN, an object of a class), or a field has a name that is taken.',
      'The message names the path: keep JSON and Dates, and rename the field.',
    ],
    SINGLE_FAILED: [
      'What another request ran by `single()`, and this one waited for, failed.',
      'Retry; `cause` has its message.',
    ],
    SINGLE_NESTED: [
      'What runs by `single(name)` calls `single(name)` itself, and would wait for its own end.',
      'Give the inner one another name, or call its function directly.',
    ],
    SINGLE_TIMEOUT: [
      'What runs by `single()` took longer than `timeoutMs`.',
      'Give the call inside it a shorter timeout, or raise this one.',
    ],
    STEP_NAME: [
      'A handler under `idempotency()` makes changes that could not be told apart when the request comes again.',
      'Give each `update()` a name of its own, and save fields once.',
    ],
    STILL_RUNNING: [
      'The request with this Idempotency-Key is running at this moment.',
      'Retry after `Retry-After`; the answer is kept then.',
    ],
    STORE_CONFIG: [
      "A store's URL, or the module at that path, can't be used.",
      'The message says what is accepted; see [the URL forms](store-urls.md).',
    ],
    STORE_UNAVAILABLE: [
      'The store did not answer in time, or refused the change: it is full, read-only, or has too few copies. `cause` says which. A change that was under way may have been applied.',
      'Look at the event `store-down` or `changes-refused` and its reason, and run `npx ninelives doctor URL`. Clients retry after `Retry-After`; cookies are kept.',
    ],
    TOO_MANY_VISITORS: [
      'Clients of one address began too many sessions without a user.',
      "Behind a proxy set `app.proxy`, or all have the proxy's address. Otherwise raise `visitors.burstPerAddress`.",
    ],
  },
  sockets: {
    BINARY: ['A binary frame came.', 'Send JSON in text frames.'],
    INTERNAL: [
      'The handler of the message failed; its error is in the log of the node.',
      'Mend the handler. The client may send the message again under its id.',
    ],
    INVALID: [
      'A message is no JSON object with a `type`.',
      'Send `{type, id?, …}`, with an id of at most 128 characters.',
    ],
    TOO_FAST: [
      'More messages a second than `messagesPerSecondMax`.',
      'Send fewer, or raise the option. `sessionClient` keeps to 40 a second, and slows down after this error.',
    ],
    TOO_LARGE: [
      'A message is longer than `messageBytesMax`.',
      'Send less, or raise the option. `send` of `sessionClient` rejects.',
    ],
    TOO_MANY_WAITING: [
      'More than `waitingMessagesMax` messages wait for their handler.',
      'Wait for answers before sending more, as `sessionClient` does, which has fewer on their way after this error.',
    ],
    UNKNOWN_TYPE: [
      'No handler has the name in `type`. The node did not carry the message out, and the socket stays open.',
      'Deploy nodes before browsers when a type is added.',
    ],
  },
  balancer: {
    BAD_GATEWAY: [
      'The node that had this request failed before it answered, and the request could not be sent again. A write may have been carried out.',
      'Send an Idempotency-Key, or let nodes honour keys: then the balancer may try another node. See `failed_attempts_total` for the rule.',
    ],
    BAD_REQUEST: [
      'What came is no HTTP, or two servers could read it differently.',
      'Mend the client; a proxy in front must not rewrite lengths.',
    ],
    BODY_TOO_LARGE: ['The body is longer than `CLIENT_BODY_BYTES_MAX`.', 'Raise it, or upload elsewhere.'],
    CERTIFICATE: [
      "The certificate or its key can't be used.",
      'The message says why: unreadable, expired, or a key of another certificate.',
    ],
    CHUNK_EXTENSIONS_TOO_LARGE: ['Chunks carry extensions beyond any use.', 'Mend the client.'],
    CONFIG: [
      "A key of the configuration is missing or can't be used.",
      'Each fault is a line that names its key and what it takes.',
    ],
    EXPECTATION_FAILED: ['`Expect` asks for something other than `100-continue`.', 'Leave the header out.'],
    GATEWAY_TIMEOUT: [
      'The node did not begin its answer within `ATTEMPT_TIMEOUT_MS`, or all attempts together within `REQUEST_DEADLINE_MS`.',
      'Find the slow route by `upstream_response_seconds`. Raise the timeouts only for routes that are slow by design.',
    ],
    HEADERS_TOO_LARGE: [
      'The header is longer than `CLIENT_HEADER_BYTES_MAX` or has too many fields.',
      'Look for cookies that grow; else raise the bound.',
    ],
    HTTP_VERSION_NOT_SUPPORTED: ['The request is HTTP/0.9, or HTTP/2 without TLS.', 'Use HTTP/1.1.'],
    MISDIRECTED_REQUEST: [
      'The redirect to TLS was asked for a host that is not ours.',
      'Add the name to `PUBLIC_HOSTS`, or to the certificate.',
    ],
    NOT_FOUND: [
      'The path is in `PRIVATE_PATHS`, such as `/metrics` and `/readyz`.',
      'Ask the node itself, on its own port.',
    ],
    NOT_IMPLEMENTED: ['CONNECT, or a transfer coding other than `chunked`.', 'Leave it out.'],
    PORT_IN_USE: ['Another process listens on the port.', 'Stop it, or set another `PORT`; 0 is any.'],
    REQUEST_TIMEOUT: [
      'The request did not arrive in time.',
      'Raise `CLIENT_REQUEST_TIMEOUT_MS` where uploads are slow.',
    ],
    UNAVAILABLE: [
      'No node could take the request within `WAIT_MS`, or all are full. Nothing was sent to a node.',
      'Retry after `Retry-After`. See `/upstreams` on the admin port for why nodes are down.',
    ],
  },
  admin: {
    BODY_TOO_LARGE: ['The body has more than 10 kB.', 'Send only the fields of the request.'],
    CONFIG: [
      "The configuration that was read again can't be used; the old one stays.",
      '`faults` has a line for each; mend them and reload.',
    ],
    FAILED: ['The operation failed for a reason of its own.', 'Read the message and the log of the balancer.'],
    FORBIDDEN: [
      'Without `ADMIN_TOKEN` nothing may be changed, and only names of this machine are answered.',
      'Set `ADMIN_TOKEN`.',
    ],
    INVALID: ["The body or a value can't be used.", 'The message says what is taken.'],
    METHOD_NOT_ALLOWED: ['The path takes other methods.', 'See `Allow` of the answer.'],
    NAME_TAKEN: [
      'Another upstream has that name or that address.',
      'Take another name, or remove the other one first.',
    ],
    NOT_FOUND: ['There is no such path, or no upstream of that name.', '`GET /upstreams` lists them.'],
    NOT_SUPPORTED: [
      'This balancer was made in a program and has no configuration to read again.',
      'Change it through the program.',
    ],
    UNAUTHORIZED: ['The token is missing or wrong.', 'Send `Authorization: Bearer` and `ADMIN_TOKEN`.'],
  },
  control: {
    BAD_PATH: ['The path is not percent-encoded UTF-8.', 'Encode it, as `encodeURIComponent` does.'],
    BODY_TOO_LARGE: ['The body has more than 16 KiB.', 'Send only the fields of the fault.'],
    CHANGING: ['A cluster is beginning already.', 'Ask again once it serves.'],
    CROSS_SITE: ['A page of another origin sent the request.', 'Use the live page, or a program that is no browser.'],
    FAULT_NOT_ARMED: [
      'What the fault falls on did not confirm the order.',
      'See whether it is up, and inject the fault again.',
    ],
    FAULT_NOT_CONFIRMED: [
      'The fault was injected and its effect was not seen.',
      'Give it traffic, and try again; the trace has the reason.',
    ],
    FAULT_NOT_HEALED: ['What the fault fell on did not confirm its end.', '`DELETE` it again, or restart the node.'],
    HOST_NOT_ALLOWED: [
      'The request names another host than the address that it came to.',
      'Use `localhost`, `127.0.0.1` or `[::1]`; from another device the link that `npm start -- --host ADDRESS` shows.',
    ],
    IMPOSSIBLE: [
      "This store can't have this fault.",
      'The message says why; `GET /api/faults` lists what can be broken here.',
    ],
    METHOD_NOT_ALLOWED: ['The path takes other methods.', 'See `Allow` of the answer.'],
    NODE_NOT_BACK: [
      'What keeps the node alive, such as Docker, did not start it again within a minute.',
      'Start it where it runs: `docker compose start node-b`.',
    ],
    NODE_STATE: [
      'The node is in the wrong state for this.',
      'Only a node that is down can be started, only one that is up can be paused. `GET /api/cluster` tells.',
    ],
    NOT_HERE: [
      'The lab did not start this cluster, and a node can not do this fault to itself.',
      'The message says what works in its place, such as `docker compose pause node-b`.',
    ],
    NOTHING_TO_CUT: [
      'No edge leads from these nodes to another node or to the store.',
      'Choose other nodes, or a strategy whose nodes are connected.',
    ],
    NOT_FOUND: ['There is nothing at this path.', 'See [the control API](control-api.md).'],
    NOT_JSON: ['The body is not JSON.', 'Send a JSON object.'],
    NOT_PACED: [
      'The process of the virtual users did not confirm the rate.',
      'Try again; look at `users.log` of the run.',
    ],
    NO_CLUSTER: ['There is no cluster yet.', '`POST /api/strategy` starts one; `POST /api/beside` a second one.'],
    DISK_FULL: [
      'A full disk was asked for, and one stands already: there is one disk.',
      'Heal the fault that stands, or wait until it is over.',
    ],
    NO_DISK: [
      'A full disk needs a run whose writes pass through the lab.',
      '`npx ninelives prove --faults full-disk`.',
    ],
    NO_EDGES: ['There are no proxies on the edges.', 'Start the lab with `--edges on`.'],
    NO_MINORITY: ['So few nodes have no minority.', 'Start the lab with three nodes or more.'],
    NO_POWER: ['A loss of power needs a run whose writes are recorded.', '`npx ninelives prove --faults power`.'],
    NO_REPLICA: ['No replica follows the store.', 'Start the lab with `--replica on`.'],
    NO_SESSION: ['No user with a session was found for `owner`.', 'Wait until users are logged in, or name a node.'],
    NO_STORE: [
      'The lab started no store server here; or the strategy that was asked for needs one that this machine does not have.',
      'Take a strategy with a private server, such as `redis`; the message says how to get the server.',
    ],
    NO_USERS: ['There are no virtual users.', 'Start the lab with `--users`.'],
    ONE_STRATEGY: ['This lab runs one strategy only.', 'Start it with `npx ninelives up`.'],
    STOPPING: ['The lab is stopping.', 'Start it again.'],
    TOKEN_NEEDED: [
      'At the address of `--host` the token is missing or wrong.',
      'Open the link that the lab shows in its terminal, or send its end as `Authorization: Bearer TOKEN`.',
    ],
    TOO_MANY_CLIENTS: ['64 clients read the events already.', 'Close some.'],
    TOO_MANY_FAULTS: ['A thousand faults stand.', 'Heal some.'],
    UNKNOWN_EDGE: ['There is no edge of that name.', 'The message lists them.'],
    UNKNOWN_FAULT: ['There is no fault of that id.', 'Only the last thousand healed ones are remembered.'],
    UNKNOWN_KIND: ['There is no such kind of fault.', 'The message lists them.'],
    UNKNOWN_NODE: ['There is no node of that name.', 'The message lists them.'],
    WRONG_SHAPE: [
      'A field of the body is missing, unknown or of the wrong kind.',
      'The message names it, and what it takes.',
    ],
    WRONG_TARGET: ['This kind of fault does not fall on that target.', 'The message says what it falls on.'],
  },
  command: {
    ADMIN_REFUSED: [
      "The balancer's admin port refuses the token of `attach`.",
      'Give `ADMIN_TOKEN` the value that the balancer has.',
    ],
    DEADLINE: ['Something did not happen in time.', 'The message names it; the logs of the run are in its directory.'],
    NODE_SILENT: ['A node of `--nodes-url` does not answer `/healthz`.', 'Start it, and give it that path.'],
    NOT_HEALED: ['A fault could not be healed.', 'What was recorded is judged; look at the log of what it fell on.'],
    NOT_SETTLED: ['Users or nodes did not come to rest for the last look.', 'Run it again on a less busy machine.'],
    NOT_STARTED: ['`--start-command` failed.', 'Run it by hand; its output is in `commands.log`.'],
    NO_PORTS: ['No free ports were found.', 'Stop what uses them.'],
    NO_POWER: [
      "A loss of power, or a full disk, can't be played here.",
      'It needs Linux and a C compiler; the message says what is missing.',
    ],
    PORT_IN_USE: [
      'A port is in use.',
      'Stop what uses it, or name another with `--port` or `--control-port`; 0 is any.',
    ],
    NO_ROOM: [
      'The disk has no room for the trace of a run.',
      'Make room, or name a directory on another disk with `--logs`; for a bench, with `TMPDIR`.',
    ],
    RUN_DIRECTORY: ["The run's directory can't be used.", 'Give another with `--logs`.'],
    START_FAILED: [
      'A process of the cluster did not start.',
      "The message has its last words; its log is in the run's directory.",
    ],
    STORE_UNAVAILABLE: [
      'The store of yours did not answer.',
      'Start it, or look at its URL; `npx ninelives doctor URL` says more.',
    ],
    TARGET_INTERFACE: [
      "The target does not speak the shop's interface.",
      'The message has the request and the answer; [TARGETS.md](../../packages/lab/TARGETS.md) has the interface.',
    ],
    TARGET_UNAVAILABLE: ['The target of `watch` did not answer within a minute.', 'Start it, or correct `--target`.'],
    TRACE: [
      "The trace can't be written: the disk is full, or it has reached 1 GB.",
      'Free the disk, or give another with `--logs`.',
    ],
    USAGE: [
      "A command, flag, value or variable can't be used.",
      'The message says what is accepted; so does `--help`.',
    ],
  },
  shop: {
    CROSS_ORIGIN: [
      'A page on another machine asked for the death of a node.',
      'Open the shop on the machine of the lab.',
    ],
    LAB_SILENT: ['The lab that runs this node does not answer.', 'See whether it still runs.'],
    MEMBERS_FIXED: [
      'The members of this store are the same for its life.',
      'Give the nodes a `STORE` with `members` and names to spare; [changing the members](../how-to/change-the-members.md).',
    ],
    MEMBERS_REFUSED: [
      'The member was not added or removed, or not within half a minute.',
      'The message says what is missing. Look at `GET /members`, mend that, and send the request again.',
    ],
    UNAUTHORIZED: ['The token is missing or another one.', 'Send `Authorization: Bearer` and `ADMIN_TOKEN`.'],
    NODE_STATE: ['The node is down already.', 'Wait until it is back.'],
    UNKNOWN_NODE: ['There is no such node.', 'The message names those that there are.'],
    BAD_CREDENTIALS: ['Name or password is missing or no text.', 'Send `{name, password}`.'],
    BAD_QUANTITY: ['The quantity is no whole number in its bounds.', 'Leave it out for 1.'],
    BAD_SKU: ['The sku is not 1 to 64 of `A-Za-z0-9._-`.', 'Send such a sku.'],
    BODY_TOO_LARGE: ['The body is too large.', 'Send only the fields of the request.'],
    BUSY: ['Too many passwords are being checked.', 'Retry after `Retry-After`.'],
    CART_FULL: ['The cart has as many items as it takes.', 'Remove one.'],
    CONFIG: ["A variable of the environment can't be used.", 'The line on stderr names it, and what it takes.'],
    ENCODING_UNSUPPORTED: ['The body is compressed.', 'Send it as it is.'],
    INTERNAL: ['Something went wrong in the shop.', "Find the request's id in the log of the node."],
    INVALID_MOVE: ['A move on the floor is not one step.', 'Send `dx` and `dy` of -1, 0 or 1.'],
    METHOD_NOT_ALLOWED: ['The path takes other methods.', 'See `Allow` of the answer.'],
    NOT_AN_OBJECT: ['The body is JSON, and no object.', 'Send an object.'],
    NOT_FOUND: ['There is nothing at this path.', "See [the shop's README](../../packages/node/README.md)."],
    NOT_JSON: ['The body is not JSON.', 'Send JSON.'],
    NOT_JSON_TYPE: ['The content type is not JSON.', 'Send `Content-Type: application/json`.'],
    NOT_LOGGED_IN: ['The session has no user.', 'Log in.'],
    NO_SUCH_SESSION: ['The user has no session of that id.', '`GET /api/sessions` lists them.'],
    QUANTITY_TOO_LARGE: ['The quantity of one sku would pass its bound.', 'Take fewer.'],
    STORE_ABSENT: ['The node has no store yet.', 'Wait: it retries. `/readyz` has the reason.'],
    WRONG_CREDENTIALS: [
      'Unknown name or wrong password; which of the two is not said.',
      'Take `user-0` with `password-0`.',
    ],
  },
}
