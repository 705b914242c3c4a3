/// Which sites cannot be heard, or do not hear.
struct Cuts: Equatable {
    /// Which way a cut goes, as seen from the site.
    enum Way: String, CaseIterable {
        /// Nothing leaves the site.
        case out
        /// Nothing reaches the site.
        case `in`
    }

    private var cuts: [Way: Set<String>] = [:]

    /// Cuts a site off, or mends it.
    mutating func set(_ site: String, _ ways: [Way], isCut: Bool) {
        for way in ways {
            if isCut {
                cuts[way, default: []].insert(site)
            } else {
                cuts[way]?.remove(site)
            }
        }
    }

    /// Mends everything.
    mutating func removeAll() {
        cuts = [:]
    }

    /// Whether nothing gets from one site to another; within a site everything does.
    func isCut(from one: String, to other: String) -> Bool {
        guard one != other else { return false }
        return cuts[.out]?.contains(one) == true || cuts[.in]?.contains(other) == true
    }

    /// Every cut, for people.
    var text: String {
        let names = Way.allCases.flatMap { way in
            (cuts[way] ?? []).sorted().map { "\($0) \(way.rawValue)" }
        }
        return names.isEmpty ? "no cuts" : names.joined(separator: ", ")
    }
}
