import CadastreProtocol
import RaftCore
import Testing

@Suite
struct MemberChangeCheckTests {
    private static func member(_ change: (inout MemberDescription) -> Void) -> MemberChange {
        var member = Samples.member
        change(&member)
        return .add(member)
    }

    private static let wrong: [MemberChange] = [
        .promote(0), .demote(1 << 31), .remove(.max), .replace(0, by: 1), .replace(1, by: 0),
        .replace(2, by: 2),
        member { $0.node = 0 }, member { $0.role = "voter" }, member { $0.role = "observer" },
        member { $0.incarnation = "" }, member { $0.incarnation = "zz" },
        member { $0.incarnation = String(repeating: "0", count: 32) },
        member { $0.incarnation = String(repeating: "A", count: 32) },
        member { $0.incarnation += "0" }, member { $0.site = "" },
        member { $0.site = String(repeating: "a", count: 256) },
        member { $0.peerAddress = "" }, member { $0.clientAddress = "" },
        member { $0.administrationAddress = String(repeating: "a", count: 256) },
    ]

    @Test(arguments: wrong)
    func `what names no node, or no member, is refused where it is decoded`(
        _ change: MemberChange
    ) {
        let bytes = AdministrationRequest.changeMembers(change, isDryRun: false).encode()
        let error = #expect(throws: ProtocolError.self) {
            _ = try AdministrationRequest(decoding: bytes)
        }
        #expect(error?.refusal == .invalidValue)
    }

    @Test
    func `an incarnation is written as 32 digits and read back`() {
        let incarnation = Incarnation(high: 0xA, low: 0xFFFF_FFFF_FFFF_FFFF)
        #expect(incarnation.hexadecimal == "000000000000000affffffffffffffff")
        #expect(Incarnation(hexadecimal: incarnation.hexadecimal) == incarnation)
    }
}
