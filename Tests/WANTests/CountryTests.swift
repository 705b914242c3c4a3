import Foundation
import NIOCore
import Testing

@testable import cadastre_wan

@Suite
struct CountryTests {
    private static let topology = """
        # a comment
        1 fr/paris/par1/o 21101 21201 21301
        2  fr/lyon/lyo1/o  21102 21202 21302
        3 fr/paris/par2/o 21103 21203 21303
        """

    @Test
    func `every pair has its own round trip, and a site none within`() throws {
        let country = try Country(topology: Self.topology, roundTrips: "paris lyon 8047 # 391 km")
        #expect(country.nodes.map(\.address) == ["127.0.1.1", "127.0.2.1", "127.0.3.1"])
        #expect(country.nodes.map(\.port) == [21101, 21102, 21103])
        #expect(country.sites == ["lyon", "paris"])
        #expect(country.roundTrip("lyon", "paris") == .microseconds(8_047))
        #expect(country.roundTrip("paris", "paris") == .zero)
        #expect(country.node(at: "127.0.2.1")?.id == 2)
        #expect(country.node(at: "127.0.0.1") == nil)
        #expect(country.node(at: nil) == nil)
    }

    @Test(arguments: [
        ("", "paris lyon 1", "empty"),
        ("1 fr/paris/par1 21101", "", "line 1 of the topology"),
        ("0 fr/paris/par1/o 21101", "", "line 1 of the topology"),
        ("255 fr/paris/par1/o 21101", "", "line 1 of the topology"),
        ("1 fr/paris/par1/o 65536", "", "line 1 of the topology"),
        ("1 fr/paris/a/o 1\n1 fr/lyon/a/o 2", "", "repeats"),
        ("1 fr/paris/a/o 1\n2 fr/lyon/a/o 1", "", "repeats"),
        (topology, "", "no round trip between lyon and paris"),
        (topology, "paris lyon", "line 1 of the round trips"),
        (topology, "paris lyon -1", "line 1 of the round trips"),
        (topology, "paris lyon 10000001", "line 1 of the round trips"),
        (topology, "paris lyon 99999999999999999999", "line 1 of the round trips"),
        (topology, "paris paris 1", "line 1 of the round trips"),
        (topology, "paris lyon 1\nlyon paris 2", "repeats a pair"),
    ])
    func `a wrong file is named`(_ topology: String, _ roundTrips: String, _ word: String) {
        do {
            _ = try Country(topology: topology, roundTrips: roundTrips)
            Issue.record("\(word) was not found")
        } catch {
            #expect(error.description.contains(word), "\(error)")
        }
    }

    @Test
    func `a cut goes one way or both, and never within a site`() {
        var cuts = Cuts()
        cuts.set("lyon", [.out], isCut: true)
        #expect(cuts.isCut(from: "lyon", to: "paris"))
        #expect(!cuts.isCut(from: "paris", to: "lyon"))
        #expect(!cuts.isCut(from: "lyon", to: "lyon"))
        cuts.set("lyon", [.in], isCut: true)
        #expect(cuts.isCut(from: "paris", to: "lyon"))
        #expect(!cuts.isCut(from: "paris", to: "lille"))
        #expect(cuts.text == "lyon out, lyon in")
        cuts.set("lyon", Cuts.Way.allCases, isCut: false)
        #expect(cuts.text == "no cuts")
    }

    /// The files that `Cluster/cluster up --sites` uses.
    @Test(arguments: ["three-sites.txt", "five-sites.txt"])
    func `the topologies of the scripts have French round trips`(_ name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Cluster")
        let country = try Country(
            topology: String(contentsOf: folder.appending(path: name), encoding: .utf8),
            roundTrips: String(
                contentsOf: folder.appending(path: "round-trips.txt"),
                encoding: .utf8
            )
        )
        for one in country.sites {
            for other in country.sites where one != other {
                let time = country.roundTrip(one, other).nanoseconds / 1_000_000
                #expect(3...20 ~= time, "\(one) to \(other): \(time) ms")
            }
        }
    }
}
