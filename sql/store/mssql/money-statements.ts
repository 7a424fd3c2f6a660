/** Texts for SQL Server of what has to do with money: the ledger, and the events of chains. */
import type { StatementName } from '../statements.ts'
import { collation } from './collation.ts'

const ledgerColumns = 'l.seq, l.kind, l.subject, l.body AS bytes, l.fields, l.at_ms AS atMs, l.previous, l.hash'
const ledgerPage = (condition: string) => `SELECT TOP (@limit) ${ledgerColumns} FROM shard.ledger l
    WHERE l.tenant_id = @tenantId ${condition} AND l.seq > @afterSeq ORDER BY l.seq`
const ledgerPageBack = (condition: string) => `SELECT TOP (@limit) ${ledgerColumns} FROM shard.ledger l
    WHERE l.tenant_id = @tenantId ${condition} AND l.seq < @beforeSeq ORDER BY l.seq DESC`
const ofKind = 'AND l.kind = @kind'
const ofSubject = 'AND l.kind = @kind AND l.subject = @subject'

const ledger = {
  insertLedger: `INSERT INTO shard.ledger(tenant_id, seq, kind, subject, body, fields, at_ms, previous, hash)
    VALUES (@tenantId, @seq, @kind, @subject, @bytes, @fields, @atMs, @previous, @hash)`,
  listLedger: ledgerPage(''),
  listLedgerBack: ledgerPageBack(''),
  listLedgerOfKind: ledgerPage(ofKind),
  listLedgerOfKindBack: ledgerPageBack(ofKind),
  listLedgerOfSubject: ledgerPage(ofSubject),
  listLedgerOfSubjectBack: ledgerPageBack(ofSubject),
  listLatestLedger: `SELECT ${ledgerColumns} FROM (SELECT TOP (@limit) subject, MAX(seq) AS seq FROM shard.ledger
      WHERE tenant_id = @tenantId AND kind = @kind AND subject > @afterSubject
      GROUP BY subject ORDER BY subject) g
    JOIN shard.ledger l ON l.tenant_id = @tenantId AND l.seq = g.seq ORDER BY g.subject`,
} satisfies Partial<Record<StatementName, string>>

const eventColumns = `e.block_number AS blockNumber, e.block_hash AS blockHash, e.log_index AS logIndex,
      e.transaction_hash AS transactionHash, e.contract, e.name, e.args, e.addresses`
const behind = (table: 'a' | 'e') => `${table}.block_number >= @afterBlock
      AND (${table}.block_number > @afterBlock OR ${table}.log_index > @afterIndex)`
const eventPage = (condition: string) => `SELECT TOP (@limit) ${eventColumns} FROM shard.chain_event e
    WHERE e.tenant_id = @tenantId AND e.chain_pk = @chainPk ${condition} AND ${behind('e')}
    ORDER BY e.block_number, e.log_index`

const chains = {
  findChain: `SELECT chain_pk AS chainPk, block_number AS blockNumber, block_hash AS blockHash FROM shard.chain
    WHERE tenant_id = @tenantId AND name = @name`,
  insertChain: 'INSERT INTO shard.chain(tenant_id, name) OUTPUT inserted.chain_pk AS chainPk VALUES (@tenantId, @name)',
  countChains: 'SELECT COUNT(*) AS [count] FROM shard.chain WHERE tenant_id = @tenantId',
  moveChain: `UPDATE shard.chain SET block_number = @blockNumber, block_hash = @blockHash
    WHERE tenant_id = @tenantId AND chain_pk = @chainPk`,
  insertChainEvent: `INSERT INTO shard.chain_event(tenant_id, chain_pk, block_number, log_index, block_hash,
      transaction_hash, contract, name, args, addresses)
    VALUES (@tenantId, @chainPk, @blockNumber, @logIndex, @blockHash, @transactionHash, @contract, @name, @args,
      @addresses)`,
  insertChainEventAddress: `INSERT INTO shard.chain_event_address(tenant_id, chain_pk, address, block_number, log_index)
    VALUES (@tenantId, @chainPk, @address, @blockNumber, @logIndex)`,
  listChainEvents: eventPage(''),
  listChainEventsNamed: eventPage('AND e.name = @name'),
  listChainEventsOf: `SELECT TOP (@limit) ${eventColumns} FROM shard.chain_event_address a
    JOIN shard.chain_event e ON e.tenant_id = a.tenant_id AND e.chain_pk = a.chain_pk
      AND e.block_number = a.block_number AND e.log_index = a.log_index
    WHERE a.tenant_id = @tenantId AND a.chain_pk = @chainPk AND a.address = @address AND ${behind('a')}
      AND (@names IS NULL OR e.name IN (SELECT j.[value] COLLATE ${collation} FROM OPENJSON(@names) j))
    ORDER BY a.block_number, a.log_index`,
  deleteChainEvents: `DELETE FROM shard.chain_event WHERE tenant_id = @tenantId AND chain_pk = @chainPk
    AND block_number >= @blockNumber AND (block_number > @blockNumber OR block_hash <> @blockHash)`,
} satisfies Partial<Record<StatementName, string>>

export const moneyStatements = { ...ledger, ...chains }
