internal import CadastreDisk
internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// Durable sectors of a journal that rot while its node is down.
///
/// Only what the promise is about: sectors below what the journal had marked as synced, so that the
/// damage is seen; and so that what is left says what the journal had become. What is behind the last
/// mark looks as what a crash has cut, and nobody can tell.
extension World {
    /// Whether this node's disk may rot now: one at a time, and none while another one is lost.
    func mayRot(_ node: SimulatedNode) -> Bool {
        guard scenario.rot != nil, case .faults = phase, scenario.weak.contains(node.place),
            !node.isNew, !node.hasOldDisk, node.disk.capacity == nil, node.interruption == nil,
            node.log.last > .zero, owner.wiped == nil
        else { return false }
        return nodes.allSatisfy { $0.rotten == nil }
    }

    /// Lets sectors of a journal rot, at some starts.
    func rotJournal(_ node: SimulatedNode) throws(Violation) {
        guard let rot = scenario.rot, mayRot(node), rotChance.oneIn(rot.journalOneIn), isChosen()
        else {
            return
        }
        // Its machine is down, too: what was not synced is settled.
        node.disk.crash()
        node.disk.restart()
        node.wasKilled = false
        let durable = try checkedRecovery(node)
        for _ in 0..<4 {
            let copy = SimulatedDisk(copying: node.disk, seed: rotChance.bits())
            let paths = damageSectors(of: copy)
            guard let said = isDurableDamage(copy, of: node, through: durable) else { continue }
            node.rotten = RottenJournal(
                before: paths.map { ($0, node.disk.contents($0) ?? []) }
            )
            for path in paths { node.disk.takeOver(path, from: copy) }
            faultCount += 1
            reach.mark(.journalDamaged)
            tell("the journal of node \(node.id) rots: \(said)")
            return
        }
    }

    /// Damages a few sectors, or the head of a segment; returns in which files.
    private func damageSectors(of disk: SimulatedDisk) -> [String] {
        let segments = disk.paths.filter {
            $0.hasPrefix("\(SimulatedNode.folder)/journal/journal-")
        }
        var places: [(path: String, offset: Int)] = []
        for path in segments {
            guard let bytes = disk.contents(path) else { continue }
            for offset in stride(from: 0, to: bytes.count, by: Self.sector)
            where bytes[offset..<min(offset + Self.sector, bytes.count)].contains(where: { $0 != 0 }
            ) {
                places.append((path, offset))
            }
        }
        guard !places.isEmpty else { return [] }
        var damaged: [String] = []
        for _ in 0..<1 + rotChance.below(4) {
            var place = rotChance.pick(places)
            if rotChance.oneIn(5) { place = (rotChance.pick(segments), 0) }
            let range = place.offset..<place.offset + Self.sector
            if !damaged.contains(place.path) { damaged.append(place.path) }
            switch rotChance.below(3) {
            case 0:
                disk.flipBit(
                    place.path,
                    at: place.offset + rotChance.below(Self.sector),
                    bit: rotChance.below(8)
                )
            case 1: disk.zero(place.path, range)
            case _: disk.makeUnreadable(place.path, range)
            }
        }
        return damaged.sorted()
    }

    private static let sector = 512

    /// What is damaged, in words; nil where it is nothing durable, or nothing that is left proves
    /// what the journal had become.
    private func isDurableDamage(
        _ disk: SimulatedDisk,
        of node: SimulatedNode,
        through durable: GroupRecovery
    ) -> String? {
        do throws(StorageError) {
            let damage = try JournalDamage.judge(
                directory: "\(SimulatedNode.folder)/journal",
                on: disk,
                identity: journalIdentity(of: node),
                group: .directory
            )
            let last = durable.headers.last?.position ?? durable.start.position
            guard let damage, damage.last == last, damage.hardState == durable.hardState else {
                return nil
            }
            return damage.gaps.map { "\($0.file) at byte \($0.offset)" }.joined(separator: ", ")
        } catch {
            return nil
        }
    }

    /// What its journal says of whose it is.
    func journalIdentity(of node: SimulatedNode) -> JournalIdentity {
        JournalIdentity(
            cluster: genesis.cluster,
            node: node.id,
            incarnation: node.incarnation
        )
    }

    /// The sectors that rotted can be read again, as they sometimes can.
    func restoreJournal(_ node: SimulatedNode) {
        guard let rotten = node.rotten else { return }
        tell("the disk of node \(node.id) gives its sectors back")
        for (path, bytes) in rotten.before { node.disk.setContents(path, bytes) }
        node.rotten = nil
    }
}
