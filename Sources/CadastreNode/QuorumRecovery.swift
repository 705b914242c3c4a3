package import CadastreDisk
internal import CadastreStateMachine
internal import CadastreStorage
package import RaftCore

/// What is left to do when most voters have lost their disks for good: one that survived goes on alone
/// (Decisions/0014).
///
/// Deliberate, and with the node stopped. It breaks the first promise, since what only the lost voters
/// had is gone, and may make of entries that nobody acknowledged some that count.
package enum QuorumRecovery {
    /// What a survivor knows, to be compared with the others'.
    package struct Survey: Sendable {
        /// Which node, in which life.
        package var identity: NodeIdentity
        /// The newest term it saw.
        package var term: Term
        /// The end of its log: the survivor with the highest term here, and then the highest index,
        /// has everything that any survivor has.
        package var last: LogPosition
        /// What the leader's clock said when that entry was proposed, in milliseconds since 1970; nil
        /// if the entry itself is not held any more.
        package var lastMilliseconds: UInt64?
        /// Entries through here were committed, and perhaps more; nil if the state cannot be read.
        package var applied: LogPosition?
        /// The members, as the end of its log says.
        package var configuration: Configuration
    }

    /// The node goes on in terms that no lost leader can have reached without it: one that it did not
    /// hear of might have filled the very place in the log that is filled now.
    static let termAdvance: UInt64 = 65_536

    /// Looks at a survivor.
    ///
    /// Does to the journal and the state what any start would: an end that was torn is cut.
    ///
    /// - Throws: When the folder is in use, damaged or another node's.
    package static func survey(
        _ directory: String,
        on disk: any Disk,
        cluster: ClusterID,
        node: NodeID,
        settings: NodeSettings,
        seed: UInt64
    ) throws(NodeError) -> Survey {
        let folder = try NodeFolder.enter(directory, on: disk, cluster: cluster, node: node)
        defer { folder.lock.release() }
        let log = try open(directory, on: disk, folder.identity, settings, seed)
        defer { log.journal.close() }
        return survey(directory, on: disk, folder.identity, log, settings)
    }

    /// Makes the node the only voter, in a new life and a higher term, with every entry that it has.
    ///
    /// Durable on return. When it is interrupted the node stands for no election any more, and this is
    /// to be called again.
    ///
    /// - Parameters:
    ///   - directory: The folder of the node, which does not run.
    ///   - disk: Where it is.
    ///   - cluster: What the configuration says; the folder must be of it.
    ///   - node: The same.
    ///   - incarnation: 128 fresh random bits.
    ///   - milliseconds: Wall time, since 1970.
    ///   - settings: Those of the node.
    ///   - seed: Random.
    /// - Returns: What the node knows now.
    /// - Throws: When the folder is in use, damaged or another node's, or the node is no voter.
    package static func recover(
        _ directory: String,
        on disk: any Disk,
        cluster: ClusterID,
        node: NodeID,
        incarnation: Incarnation,
        milliseconds: UInt64,
        settings: NodeSettings,
        seed: UInt64
    ) throws(NodeError) -> Survey {
        let folder = try NodeFolder.enter(directory, on: disk, cluster: cluster, node: node)
        defer { folder.lock.release() }
        var log = try open(directory, on: disk, folder.identity, settings, seed)
        defer { log.journal.close() }
        var identity = folder.identity
        var member = try voter(identity, in: log.configuration)
        if member.incarnation == identity.incarnation {
            // The folder first: interrupted between the two, it is a disk that has no vote.
            identity.previousIncarnation = identity.incarnation
            identity.incarnation = incarnation
            do throws(DiskError) {
                try disk.replace(
                    IdentityFile.name,
                    in: directory,
                    with: IdentityFile.encode(identity)
                )
            } catch {
                throw NodeError(.inputOutput, "\(error)")
            }
        }
        member.incarnation = identity.incarnation
        member.role = .voter
        var configuration = log.configuration
        configuration.members = [member]
        configuration.outgoing = []
        try log.append(configuration, cluster: cluster, milliseconds, seed)
        return survey(directory, on: disk, identity, log, settings)
    }

    /// The node as a voter of its own configuration.
    private static func voter(
        _ identity: NodeIdentity,
        in configuration: Configuration
    ) throws(NodeError) -> Member {
        let member = configuration.member(identity.node)
        let lives = [identity.incarnation, identity.previousIncarnation]
        let isVoter =
            member?.role == .voter || configuration.outgoing.contains(identity.node)
        guard let member, isVoter, lives.contains(member.incarnation) else {
            throw NodeError(
                .configuration,
                "node \(identity.node) is no voter, by the end of its log: it may lack what voters "
                    + "acknowledged, and a quorum cannot begin from it. Nothing was changed. Take a "
                    + "survivor that is one of \(configuration.voters.map { "\($0)" })"
            )
        }
        return member
    }

    // MARK: The log

    private struct Log {
        var journal: Journal
        var recovered: GroupRecovery
        /// The newest, committed or not.
        var configuration: Configuration

        var last: LogPosition { recovered.headers.last?.position ?? recovered.start.position }
        var lastHash: EntryHash { recovered.headers.last?.hash ?? recovered.start.hash }

        var lastMilliseconds: UInt64? {
            guard !recovered.headers.isEmpty else { return nil }
            // What cannot be read here is not needed here either.
            let entries = try? journal.read(
                recovered.group,
                last.index..<last.index.next,
                maximumSize: 0
            )
            return entries?.first?.now
        }

        mutating func append(
            _ configuration: Configuration,
            cluster: ClusterID,
            _ milliseconds: UInt64,
            _ seed: UInt64
        ) throws(NodeError) {
            let newest = max(recovered.hardState.term, last.term).value
            guard newest <= Limits.maximumTerm - QuorumRecovery.termAdvance else {
                throw NodeError(
                    .damaged,
                    "the journal is in term \(newest), after which there is none"
                )
            }
            let term = Term(newest + QuorumRecovery.termAdvance)
            let state = HardState(term: term, vote: .none)
            let entry = Entry.make(
                cluster: cluster,
                group: recovered.group,
                position: LogPosition(index: last.index.next, term: term),
                kind: .configuration(configuration),
                featureLevel: configuration.featureLevel,
                now: max(milliseconds, lastMilliseconds ?? 0),
                random: (seed, ~seed),
                previousHash: lastHash
            )
            do throws(StorageError) {
                // One batch: durable as one.
                try journal.write([.hardState(recovered.group, state), .entry(entry)])
                try journal.writeMark()
            } catch {
                throw NodeError(error)
            }
            recovered.hardState = state
            recovered.headers.append(entry.header)
            self.configuration = configuration
        }
    }

    private static func open(
        _ directory: String,
        on disk: any Disk,
        _ identity: NodeIdentity,
        _ settings: NodeSettings,
        _ seed: UInt64
    ) throws(NodeError) -> Log {
        guard !identity.isWitness else {
            throw NodeError(
                .configuration,
                "node \(identity.node) is a witness and keeps no state: a cluster cannot go on from "
                    + "it alone. Nothing was changed. Take a survivor that is a full voter"
            )
        }
        let (journal, recovered) = try NodeFolder.openJournal(
            directory,
            on: disk,
            identity: identity,
            settings: settings.journal,
            seed: seed
        )
        guard let configuration = recovered.configuration else {
            journal.close()
            throw NodeError(
                StorageError.unavailable(group: .directory, index: Genesis.position.index)
            )
        }
        return Log(journal: journal, recovered: recovered, configuration: configuration)
    }

    private static func survey(
        _ directory: String,
        on disk: any Disk,
        _ identity: NodeIdentity,
        _ log: Log,
        _ settings: NodeSettings
    ) -> Survey {
        var applied: LogPosition?
        do throws(StateMachineError) {
            let machine = try StateMachine.open(
                directory: "\(directory)/state",
                on: disk,
                identity: identity.ofState,
                settings: settings.stateMachine
            )
            applied = machine.applied
            try machine.close()
        } catch {
            // The next start rebuilds it, or says why not; nothing here depends on it.
        }
        return Survey(
            identity: identity,
            term: log.recovered.hardState.term,
            last: log.last,
            lastMilliseconds: log.lastMilliseconds,
            applied: applied,
            configuration: log.configuration
        )
    }
}
