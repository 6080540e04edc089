export { type Account, type Accounts, type AccountsOptions, demoAccounts } from './shop/accounts.ts'
export { type Config, ConfigError, readConfig } from './config.ts'
export { nodeLog } from './log.ts'
export { shop, type ShopOptions } from './shop.ts'
