package import CadastreDisk
internal import CadastreProtocol
package import CadastreStateMachine
internal import CadastreStorage
package import RaftCore

/// A node's folder on its disk.
///
/// ```
/// identity     whose folder it is, written once
/// lock         held by the process that uses it
/// journal/     the log and the hard state; beside it what a repair leaves (JournalExchange)
/// state/       not of a witness; SQLite: what was applied; can be rebuilt from a snapshot and the log
/// snapshots/   the state as of an earlier entry, for peers that lack what the log has forgotten
/// ```
package enum NodeFolder {
    /// Founds a member's folder, once in the life of its disk.
    ///
    /// - Parameters:
    ///   - directory: Must not exist or be empty.
    ///   - disk: Where the directory is.
    ///   - genesis: The same on every founding member.
    ///   - node: Which member this is.
    ///   - incarnation: Nil for a founding member, which is as the genesis says. For a node that
    ///     joins, under whatever number, 128 fresh random bits: it has no vote before the group's
    ///     configuration names them, whatever the genesis says of its number.
    ///   - isWitness: The node is to keep the log alone. Of a founding member the genesis says so, and
    ///     this may not contradict it.
    ///   - settings: The journal's segment size counts.
    ///   - seed: Random; makes stale bytes of another journal unreadable here.
    /// - Throws: When the folder is in use, or is not empty, or the disk fails.
    package static func found(
        _ directory: String,
        on disk: any Disk,
        genesis: Genesis,
        node: NodeID,
        incarnation: Incarnation? = nil,
        isWitness: Bool = false,
        settings: NodeSettings,
        seed: UInt64
    ) throws(NodeError) {
        let founding = genesis.configuration.member(node)
        let keepsLogAlone = try self.isWitness(
            founding,
            joins: incarnation != nil,
            asked: isWitness
        )
        guard let incarnation = incarnation ?? founding?.incarnation else {
            throw NodeError(
                .configuration,
                "node \(node) is not among the members of the genesis file; check the setting "
                    + "node.id, or let the node join with `cadastred init --join`"
            )
        }
        let identity = NodeIdentity(
            cluster: genesis.cluster,
            node: node,
            incarnation: incarnation,
            isWitness: keepsLogAlone
        )
        try onDisk { () throws(DiskError) in try disk.createDirectory(directory) }
        let lock = try hold(directory, on: disk)
        defer { lock.release() }
        let contents = try contents(of: directory, on: disk)
        guard contents == .nothing else {
            throw NodeError(.inUse, contents.advice(directory))
        }
        let entry = Entry.make(
            cluster: genesis.cluster,
            group: .directory,
            position: Genesis.position,
            kind: .configuration(genesis.configuration),
            featureLevel: Genesis.featureLevel,
            now: 0,
            random: (genesis.cluster.high, genesis.cluster.low),
            previousHash: .zero
        )
        do throws(StorageError) {
            let journalDirectory = "\(directory)/journal"
            let owner = journalIdentity(identity)
            try Journal.format(
                directory: journalDirectory,
                on: disk,
                identity: owner,
                settings: settings.journal,
                seed: seed
            )
            let (journal, _) = try Journal.open(
                directory: journalDirectory,
                on: disk,
                identity: owner,
                settings: settings.journal,
                seed: seed
            )
            try journal.write([
                .entry(entry),
                .hardState(.directory, HardState(term: Genesis.position.term, vote: .none)),
            ])
            try journal.writeMark()
            journal.close()
        } catch {
            throw NodeError(error)
        }
        try onDisk { () throws(DiskError) in
            try disk.replace(IdentityFile.name, in: directory, with: IdentityFile.encode(identity))
        }
    }

    /// Opens a founded folder: lock, identity, journal, state.
    ///
    /// - Parameters:
    ///   - directory: The folder.
    ///   - disk: Where the directory is.
    ///   - cluster: What the configuration says; the folder must be of it.
    ///   - node: The same.
    ///   - settings: Bounds and times.
    ///   - seed: Different on each node and in each life of the process.
    /// - Returns: The node's stages, recovered, with the folder's lock.
    /// - Throws: When the folder is in use, is not this node's, or is damaged. Nothing was changed.
    package static func open(
        _ directory: String,
        on disk: any Disk,
        cluster: ClusterID,
        node: NodeID,
        settings: NodeSettings,
        seed: UInt64
    ) throws(NodeError) -> OpenNode {
        let (identity, lock) = try enter(directory, on: disk, cluster: cluster, node: node)
        do throws(NodeError) {
            return try assemble(
                directory,
                on: disk,
                identity: identity,
                settings: settings,
                seed: seed,
                lock: lock
            )
        } catch {
            lock.release()
            throw error
        }
    }

    /// Takes the folder's lock and reads whose it is.
    ///
    /// - Throws: When it is in use, holds no node or another one. Nothing was changed.
    static func enter(
        _ directory: String,
        on disk: any Disk,
        cluster: ClusterID,
        node: NodeID
    ) throws(NodeError) -> (identity: NodeIdentity, lock: any DiskLock) {
        let contents = try contents(of: directory, on: disk)
        guard contents == .node else {
            throw NodeError(
                contents == .lostNode ? .damaged : .configuration,
                contents.advice(directory)
            )
        }
        let lock = try hold(directory, on: disk)
        do throws(NodeError) {
            let identity = try readIdentity(directory, on: disk)
            guard identity.cluster == cluster, identity.node == node else {
                throw NodeError(
                    .configuration,
                    "\(directory) belongs to node \(identity.node) of "
                        + (identity.cluster == cluster ? "this cluster" : "another cluster")
                        + ", the configuration says node \(node); nothing was touched"
                )
            }
            return (identity, lock)
        } catch {
            lock.release()
            throw error
        }
    }

    /// Finishes a repair that was whole when the last process ended, and recovers the journal.
    static func openJournal(
        _ directory: String,
        on disk: any Disk,
        identity: NodeIdentity,
        settings: JournalSettings,
        seed: UInt64
    ) throws(NodeError) -> (Journal, GroupRecovery) {
        let path = "\(directory)/journal"
        do throws(StorageError) {
            _ = try JournalExchange(directory: path, on: disk).finish()
            let (journal, groups) = try Journal.open(
                directory: path,
                on: disk,
                identity: journalIdentity(identity),
                settings: settings,
                seed: seed
            )
            guard let group = groups.first(where: { $0.group == .directory }) else {
                throw .unavailable(group: .directory, index: Genesis.position.index)
            }
            return (journal, group)
        } catch {
            throw NodeError(error)
        }
    }

    /// Recovers the journal, opens the state over it and puts the stages together.
    private static func assemble(
        _ directory: String,
        on disk: any Disk,
        identity: NodeIdentity,
        settings: NodeSettings,
        seed: UInt64,
        lock: any DiskLock
    ) throws(NodeError) -> OpenNode {
        let (journal, recovered) = try openJournal(
            directory,
            on: disk,
            identity: identity,
            settings: settings.reservingJournal,
            seed: seed
        )
        let store: SnapshotStore
        do throws(StorageError) {
            store = try SnapshotStore(
                directory: "\(directory)/snapshots",
                on: disk,
                cluster: identity.cluster
            )
        } catch {
            throw NodeError(error)
        }
        if identity.isWitness {
            return witness(
                directory,
                identity,
                journal,
                recovered,
                store,
                disk,
                settings,
                seed,
                lock
            )
        }
        let stateDirectory = "\(directory)/state"
        let state = try StateFolder(
            directory: stateDirectory,
            disk: disk,
            identity: identity.ofState,
            settings: settings.stateMachine,
            start: recovered.start,
            store: store
        ).open()
        let stateMachine = state.stateMachine
        let applied = stateMachine.applied
        let start = recovered.start.position
        let last = recovered.headers.last?.position ?? start
        guard applied.index >= start.index else {
            throw NodeError(
                .damaged,
                "the state in \(directory)/state has applied entry \(applied), and the journal "
                    + "begins behind \(start): what lies between is in neither, and no snapshot of "
                    + "this node reaches that far. Put back the state "
                    + "that belongs to this journal; or take the whole folder away and bring the "
                    + "node back with an empty one, as a new member"
            )
        }
        let isOfThisLog =
            applied == start || recovered.headers.contains { $0.position == applied }
        guard isOfThisLog else {
            throw NodeError(
                .damaged,
                "the state in \(directory)/state has applied entry \(applied), which the journal, "
                    + "ending at \(last), does not hold: one of the two is not of this node's last "
                    + "run. If it is the journal, this node has forgotten what it acknowledged: put "
                    + "back the one that belongs to the state, or take the whole folder away and "
                    + "bring the node back with an empty one, as a new member. Only if it is the "
                    + "state, take the state folder away, and it is rebuilt"
            )
        }
        return OpenNode(
            identity: identity,
            consensus: ConsensusStage(
                identity: identity,
                settings: settings,
                recovered: recovered,
                applied: applied.index,
                clusterTime: stateMachine.clusterTime,
                snapshot: store.newest(of: .directory)?.start.position ?? .zero,
                seed: seed
            ),
            journal: JournalStage(journal: journal),
            apply: ApplyStage(
                stateMachine: stateMachine,
                settings: settings,
                markFile: StateMarkFile(directory: stateDirectory, disk: disk),
                stateMark: state.mark
            ),
            snapshot: SnapshotStage(
                store: store,
                disk: disk,
                identity: identity,
                group: .directory,
                settings: settings,
                applied: applied.index,
                journal: "\(directory)/journal"
            ),
            hasReplacedState: state.hasReplacedState,
            hasRebuiltState: state.isRebuilt,
            notes: state.notes,
            access: stateMachine.accessView,
            lock: lock
        )
    }

    /// The name of the lock file.
    private static let lockName = "lock"

    private static func contents(
        of directory: String,
        on disk: any Disk
    ) throws(NodeError) -> FolderContents {
        let names = try onDisk { () throws(DiskError) in
            try disk.exists(directory) ? try disk.list(directory) : []
        }
        return FolderContents(names.filter { $0 != lockName })
    }

    static func journalIdentity(_ identity: NodeIdentity) -> JournalIdentity {
        JournalIdentity(
            cluster: identity.cluster,
            node: identity.node,
            incarnation: identity.filesIncarnation
        )
    }

    static func hold(
        _ directory: String,
        on disk: any Disk
    ) throws(NodeError) -> any DiskLock {
        do throws(DiskError) {
            return try disk.lock("\(directory)/\(lockName)")
        } catch {
            if error.code == DiskError.notPermitted {
                throw NodeError(
                    .configuration,
                    "\(error). No other process holds it: let the user who runs this node own "
                        + "\(directory) and what is in it"
                )
            }
            guard error.isLocked else { throw NodeError(.inputOutput, "\(error)") }
            throw NodeError(
                .inUse,
                "another process uses \(directory); stop it first, or give this node its own folder"
            )
        }
    }

    static func readIdentity(
        _ directory: String,
        on disk: any Disk
    ) throws(NodeError) -> NodeIdentity {
        let path = "\(directory)/\(IdentityFile.name)"
        let bytes = try onDisk { () throws(DiskError) in
            try disk.readWhole(path, maximumSize: 4_096)
        }
        guard let identity = IdentityFile.decode(bytes) else {
            throw NodeError(
                .damaged,
                "\(path) is damaged at byte 0: it does not carry its checksum. Put it back from a "
                    + "copy of this node's folder; it never changes"
            )
        }
        return identity
    }

    /// Runs something on the disk and says it as a node would.
    private static func onDisk<Result>(
        _ work: () throws(DiskError) -> Result
    ) throws(NodeError) -> Result {
        do throws(DiskError) { return try work() } catch {
            throw NodeError(.inputOutput, "\(error)")
        }
    }
}

/// A node that was opened: its stages, for a host to run.
package struct OpenNode {
    /// Whose folder it is.
    package let identity: NodeIdentity
    /// Decides.
    package var consensus: ConsensusStage
    /// Makes durable.
    package let journal: JournalStage
    /// Executes; a witness has none.
    package let apply: ApplyStage?
    /// Moves snapshots.
    package let snapshot: SnapshotStage
    /// The state was older than the log's beginning, and was taken from a snapshot.
    package let hasReplacedState: Bool
    /// The state was none of this node's, and was set aside.
    package let hasRebuiltState: Bool
    /// What was repaired, in words for an operator.
    package let notes: [String]
    /// Who may act for whom, as of what is applied.
    package let access: AccessView
    /// Keeps other processes out; released last.
    package let lock: any DiskLock

    /// With whom it speaks.
    package var roster: MemberRoster {
        MemberRoster(
            consensus.raft.configuration,
            before: consensus.raft.configurationBefore,
            of: identity
        )
    }
}
