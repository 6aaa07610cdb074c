"""An existing VPC, as in `network.existingVpc`."""

EXISTING_VPC = {
    "vpcId": "vpc-0123456789abcdef0",
    "privateSubnets": [
        {"subnetId": f"subnet-0123456789abcdef{number}", "availabilityZone": f"us-east-1{zone}"}
        for number, zone in enumerate("ab")
    ],
    "securityGroupIds": ["sg-0123456789abcdef0"],
}
