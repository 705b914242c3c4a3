internal import CadastreDisk
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// The folder of a log-only witness: a journal, and no state.
extension NodeFolder {
    /// Whether a folder is to be a witness's.
    ///
    /// - Parameters:
    ///   - founding: The member of the genesis under this number.
    ///   - joins: The node comes later, whatever the genesis says of its number.
    ///   - asked: Whoever founds it says so.
    /// - Returns: True for a witness's.
    /// - Throws: Where one contradicts the other.
    static func isWitness(
        _ founding: Member?,
        joins: Bool,
        asked: Bool
    ) throws(NodeError) -> Bool {
        guard !joins, let founding else { return asked }
        guard !asked || founding.role == .witness else {
            throw NodeError(
                .configuration,
                "node \(founding.id) is a \(founding.role) by the genesis file, and would be founded as "
                    + "a witness; leave --witness out, or write role=witness into the genesis of a new "
                    + "cluster"
            )
        }
        return founding.role == .witness
    }

    /// Puts the stages of a witness together.
    ///
    /// What it has passed over is not kept: a start begins where the log does, and hears from the
    /// leader how far all is committed.
    static func witness(
        _ directory: String,
        _ identity: NodeIdentity,
        _ journal: Journal,
        _ recovered: GroupRecovery,
        _ store: SnapshotStore,
        _ disk: any Disk,
        _ settings: NodeSettings,
        _ seed: UInt64,
        _ lock: any DiskLock
    ) -> OpenNode {
        let start = recovered.start.position.index
        return OpenNode(
            identity: identity,
            consensus: ConsensusStage(
                identity: identity,
                settings: settings,
                recovered: recovered,
                applied: start,
                clusterTime: 0,
                seed: seed
            ),
            journal: JournalStage(journal: journal),
            apply: nil,
            snapshot: SnapshotStage(
                store: store,
                disk: disk,
                identity: identity,
                group: .directory,
                settings: settings,
                applied: start,
                journal: "\(directory)/journal"
            ),
            hasReplacedState: false,
            hasRebuiltState: false,
            notes: [],
            access: AccessView(),
            lock: lock
        )
    }
}
