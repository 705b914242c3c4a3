internal import NIOCore

/// Why a file cannot be used.
struct FileMistake: Error, CustomStringConvertible {
    let description: String
}

/// The nodes, where they stand, and how far it is from one site to another.
struct Country {
    /// A node of a topology.
    struct Node: Equatable {
        /// Its number, which is in its address.
        let id: Int
        /// Its city, by which sites are named here.
        let site: String
        /// Where it listens for peers, and, on another address, this program for it.
        let port: Int

        /// Where it listens, and where it dials from.
        ///
        /// An address of its own, so that one can tell who dials: all of 127.0.0.0/8 is this machine.
        var address: String { "127.0.\(id).1" }
    }

    /// By their numbers.
    let nodes: [Node]
    private let roundTrips: [Set<String>: Int]

    /// Reads a topology (`number country/city/site/operator peer-port …`) and the round trips
    /// (`city city microseconds`); `#` begins a comment.
    ///
    /// - Throws: `FileMistake` with the line, or the pair that has no round trip.
    init(topology: String, roundTrips: String) throws(FileMistake) {
        var nodes: [Node] = []
        for (number, words) in Self.lines(topology) {
            guard words.count >= 3, let id = Int(words[0]), 1...254 ~= id,
                let port = Int(words[2]), 1...65_535 ~= port,
                case let parts = words[1].split(separator: "/"), parts.count == 4
            else {
                throw FileMistake(
                    description: "line \(number) of the topology is not: number (1…254), "
                        + "country/city/site/operator, port"
                )
            }
            guard !nodes.contains(where: { $0.id == id || $0.port == port }) else {
                throw FileMistake(
                    description: "line \(number) of the topology repeats a number or a port"
                )
            }
            nodes.append(Node(id: id, site: String(parts[1]), port: port))
        }
        guard !nodes.isEmpty else { throw FileMistake(description: "the topology is empty") }
        self.nodes = nodes
        self.roundTrips = try Self.roundTrips(roundTrips)
        for one in sites {
            for other in sites where one != other && self.roundTrips[[one, other]] == nil {
                throw FileMistake(description: "there is no round trip between \(one) and \(other)")
            }
        }
    }

    /// The sites, each once.
    var sites: [String] { Set(nodes.map(\.site)).sorted() }

    /// The node that dials from an address.
    func node(at address: String?) -> Node? {
        nodes.first { $0.address == address }
    }

    /// From one site to another and back.
    func roundTrip(_ one: String, _ other: String) -> TimeAmount {
        // Within a site there is none, between two there is one: the initializer looks.
        .microseconds(Int64(roundTrips[[one, other]] ?? 0))
    }

    private static func roundTrips(
        _ text: String
    ) throws(FileMistake) -> [Set<String>: Int] {
        var roundTrips: [Set<String>: Int] = [:]
        for (number, words) in lines(text) {
            guard words.count == 3, words[0] != words[1], let time = Int(words[2]),
                0...10_000_000 ~= time
            else {
                throw FileMistake(
                    description: "line \(number) of the round trips is not: city, another city, "
                        + "microseconds (at most 10000000)"
                )
            }
            let pair: Set = [String(words[0]), String(words[1])]
            guard roundTrips.updateValue(time, forKey: pair) == nil else {
                throw FileMistake(description: "line \(number) of the round trips repeats a pair")
            }
        }
        return roundTrips
    }

    private static func lines(_ text: String) -> [(number: Int, words: [Substring])] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .map { ($0 + 1, $1.prefix { $0 != "#" }.split(separator: " ")) }
            .filter { !$0.1.isEmpty }
    }
}
