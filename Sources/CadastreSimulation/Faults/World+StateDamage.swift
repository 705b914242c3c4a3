internal import CadastreDisk
internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// States that rot while their node is down: the start sets them aside, and builds them anew.
///
/// Only where the node itself has what a new one is made of: the whole log, or a snapshot that is
/// whole and reaches where the log begins. Elsewhere the start must be refused, for good.
extension World {
    /// Overwrites the state of a node, at some starts.
    ///
    /// - Returns: Whether the next start has to rebuild it.
    func rotState(_ node: SimulatedNode, _ found: GroupRecovery) -> Bool {
        let database = "\(SimulatedNode.folder)/state/state.sqlite"
        guard let rot = scenario.rot, mayRot(node), node.place != scenario.witness,
            let bytes = node.disk.contents(database), rotChance.oneIn(rot.stateOneIn),
            isChosen()
        else { return false }
        let isWholeLog = found.start.position.index == .zero
        guard isWholeLog || hasSnapshot(node, through: found.start.position.index) else {
            return false
        }
        faultCount += 1
        node.isStateOverwritten = true
        tell("the state of node \(node.id) is overwritten")
        for path in node.disk.paths where path.hasPrefix(database) && !path.hasSuffix(".aside") {
            let size = path == database ? bytes.count : node.disk.contents(path)?.count ?? 0
            node.disk.setContents(path, (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 | 1) })
        }
        guard isWholeLog, rotChance.oneIn(2) else { return true }
        for path in node.disk.paths where path.hasSuffix(".chunks") {
            tell("and so is its snapshot \(path)")
            node.hasRottenSnapshots = true
            let size = node.disk.contents(path)?.count ?? 0
            node.disk.flipBit(path, at: rotChance.below(max(1, size)), bit: rotChance.below(8))
        }
        return true
    }

    /// Whether a snapshot of its own is there, chunk by chunk, that reaches where the log begins.
    private func hasSnapshot(_ node: SimulatedNode, through index: LogIndex) -> Bool {
        do throws(StorageError) {
            let store = try SnapshotStore(
                directory: "\(SimulatedNode.folder)/snapshots",
                on: copy(of: node.disk),
                cluster: genesis.cluster
            )
            guard let newest = store.newest(of: .directory), newest.start.position.index >= index
            else { return false }
            for number in newest.chunks.indices { _ = try store.chunk(number, of: newest.id) }
            return true
        } catch {
            return false
        }
    }
}
