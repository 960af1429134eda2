"""Temporary direct construction."""
from weft.fabric.group import CommGroup, Level
from weft.validation.nccl_setup import Setup
from weft.catalog import load_catalog
P={"v100":"nvlink2","a100":"nvlink3","h100":"nvlink4","h200":"nvlink4","b200":"nvlink5","gb200":"nvlink5","gb300":"nvlink5","b300":"nvlink5","mi300x":"xgmi_mi300","mi325x":"xgmi_mi300","mi355x":"xgmi_mi350"}
def build_group(setup: Setup) -> CommGroup:
    part=load_catalog().get("accelerators",setup.accelerator)
    proto=P[setup.accelerator.split("_")[0]]
    red=proto in("nvlink4","nvlink5") and setup.reduces is not False
    per=setup.ranks//setup.units
    rate=part.si("scale_up_gBps_uni")
    if proto.startswith("xgmi"): rate=rate*(per-1)/(setup.domain-1)
    lv=[Level(proto,"scale-up",proto,per,setup.units,rate,8e-7,1,setup.domain,red)]
    if setup.network:
        n=setup.network
        lv.append(Level("leaf","scale-out",n.transport,setup.ranks,1,n.nics*n.rate_Bps/setup.domain,1.5e-6,1,setup.domain*setup.units,n.reduces))
    return CommGroup(setup.ranks,tuple(lv),setup.accelerator,setup.network.nics if setup.network else 8)
