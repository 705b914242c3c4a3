package import CadastreDisk
internal import CadastreStorage
package import RaftCore

/// A node whose journal is damaged below what was durable, and can be mended from others.
package struct DamagedNode {
    /// Whose folder it is.
    package let identity: NodeIdentity
    /// The newest members that are known: who may have what is missing.
    package let configuration: Configuration
    /// Mends it.
    package let repair: JournalRepair
    /// What is damaged, for people.
    package let description: String
    /// Keeps other processes out; released before the node is opened.
    package let lock: any DiskLock
}

extension NodeFolder {
    /// Looks at a folder whose opening was refused, and prepares the repair of its journal.
    ///
    /// The damaged files stay as they are until the repair is whole.
    ///
    /// - Parameters:
    ///   - directory: The folder.
    ///   - disk: Where the directory is.
    ///   - founding: Whom to ask where nothing that is left of the journal says who the members are.
    ///   - settings: Bounds and times.
    ///   - seed: Fresh randomness.
    /// - Returns: Nil if it is not the journal that is damaged.
    /// - Throws: Why the journal cannot be mended, and what to do.
    package static func damaged(
        _ directory: String,
        on disk: any Disk,
        founding: Configuration,
        settings: NodeSettings,
        seed: UInt64
    ) throws(NodeError) -> DamagedNode? {
        let lock = try hold(directory, on: disk)
        do throws(NodeError) {
            let identity = try readIdentity(directory, on: disk)
            let node = try prepare(directory, on: disk, identity, founding, settings, seed, lock)
            if node == nil { lock.release() }
            return node
        } catch {
            lock.release()
            throw error
        }
    }

    private static func prepare(
        _ directory: String,
        on disk: any Disk,
        _ identity: NodeIdentity,
        _ founding: Configuration,
        _ settings: NodeSettings,
        _ seed: UInt64,
        _ lock: any DiskLock
    ) throws(NodeError) -> DamagedNode? {
        let owner = journalIdentity(identity)
        let exchange = JournalExchange(directory: "\(directory)/journal", on: disk)
        do throws(StorageError) {
            let damage = try JournalDamage.judge(
                directory: exchange.directory,
                on: disk,
                identity: owner,
                group: .directory
            )
            guard let damage else { return nil }
            let store = try SnapshotStore(
                directory: "\(directory)/snapshots",
                on: disk,
                cluster: identity.cluster
            )
            let snapshot = store.newest(of: .directory)?.start
            let configuration = damage.configuration ?? snapshot?.configuration ?? founding
            let repaired = try RepairedJournal(
                damage,
                exchange,
                identity: owner,
                settings: settings.reservingJournal,
                snapshot: snapshot,
                seed: seed
            )
            let peers = configuration.members.map(\.id).filter { $0 != identity.node }
            let places = damage.gaps.map { "\($0.file) at byte \($0.offset): \($0.reason)" }
            return DamagedNode(
                identity: identity,
                configuration: configuration,
                repair: JournalRepair(repaired, peers: peers, rate: settings.snapshotRate),
                description: "the journal is damaged below what was durable "
                    + "(\(places.joined(separator: "; "))). What is left proves term, vote and "
                    + "entry \(damage.last): the rest is fetched from other nodes. The damaged files "
                    + "are kept in \(exchange.damaged) then",
                lock: lock
            )
        } catch {
            throw NodeError(error)
        }
    }
}
