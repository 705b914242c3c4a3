/// The index at which the nodes shall compute their digests.
///
/// While writes go on, nodes that are asked for the newest index stop at different ones; so they
/// are asked for one a little ahead, which each reaches in its own time. If writes end meanwhile,
/// that index never comes.
struct Meeting: Hashable, Sendable {
    /// The farthest that is waited for: what some writes a second bring in a moment.
    static let maximumMargin: UInt64 = 64

    /// The lowest index at which a node may compute.
    let index: UInt64
    /// How far that was ahead of every node; 0 if one was there already.
    let margin: UInt64

    /// Meets where the farthest node is.
    init(_ index: UInt64) {
        self.index = index
        margin = 0
    }

    private init(_ index: UInt64, ahead margin: UInt64) {
        self.index = index + margin
        self.margin = margin
    }

    /// Where to meet next; nil if that is not needed: all met, or what was found is final.
    func after(_ round: DigestRound.Result) -> Meeting? {
        let found = Set(round.nodes.map(\.applied_index))
        if round.nodes.contains(where: { $0.kept != $0.computed }) { return nil }
        if !VerifyVerb.areEqual(round.nodes) { return nil }
        let farthest = max(found.max() ?? 0, round.farthest)
        // The index did not come.
        if round.isShort { return Meeting(farthest) }
        guard found.count > 1 else { return nil }
        return Meeting(farthest, ahead: min(Self.maximumMargin, max(1, margin * 2)))
    }
}
